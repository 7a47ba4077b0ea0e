"""Dagster's web server with a same-origin check, and the gallery: `python -m assets_defs.web`.

Dagster's own command accepts requests from any page that a browser on this machine shows.
"""

import argparse
from pathlib import Path

import uvicorn
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from assets_defs.launch import WORKSPACE, dagster_instance
from catalog_gen.home import Home
from catalog_gen.same_origin import SameOriginOnly
from resources.internals import web_application


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument(
        "-w", "--workspace", type=Path, default=WORKSPACE, help="Dagster's code locations"
    )
    parser.add_argument("--allow", nargs="*", default=(), help="names that a proxy serves it under")
    chosen = parser.parse_args()
    home = Home.from_environment()
    home.site.mkdir(parents=True, exist_ok=True)
    with (
        dagster_instance(home) as instance,
        web_application(instance, chosen.workspace) as application,
    ):
        application.routes.insert(0, Mount("/gallery", StaticFiles(directory=home.site, html=True)))
        application.add_middleware(
            SameOriginOnly, port=chosen.port, allowed=chosen.allow, guarded=("/graphql",)
        )
        uvicorn.run(application, host=chosen.host, port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
