"""Becomes one of the three processes of a Dagster deployment: code, webserver or daemon.

The instance's folder and its ``dagster.yaml`` are made on first use, as ``catalog-gen`` makes them.
"""

import os
import sys
from pathlib import Path

from assets_defs.launch import MODULE, dagster_instance
from catalog_gen.home import Home
from resources.internals import restart_schedules_ahead

PORT = "4000"
WORKSPACE = Path(__file__).with_name("workspace.yaml")


def command(part: str) -> list[str]:
    """The command line of a part; addresses come from the environment, loopback by default.

    ``CATALOG_WEB_NAMES``: the names, apart by spaces, under which a proxy serves the web server.
    """
    bind = os.environ.get("CATALOG_CODE_BIND", "127.0.0.1")
    web = os.environ.get("CATALOG_WEB_BIND", "127.0.0.1")
    names = os.environ.get("CATALOG_WEB_NAMES", "")
    commands = {
        "code": ["dagster", "code-server", "start", "-h", bind, "-p", PORT, "-m", MODULE],
        "webserver": [
            *("python", "-m", "assets_defs.web", "--host", web, "--port", "3000"),
            *("--workspace", str(WORKSPACE), "--allow", *names.split()),
        ],
        "daemon": ["dagster-daemon", "run", "-w", str(WORKSPACE)],
    }
    if part not in commands:
        raise SystemExit(f"{part} is none of: {', '.join(commands)}")
    return commands[part]


def main() -> None:
    """Prepare the instance, then replace this process: signals reach Dagster itself."""
    program, *arguments = command(sys.argv[1] if len(sys.argv) == 2 else "nothing")
    os.environ.setdefault("CATALOG_CODE_HOST", "127.0.0.1")
    with dagster_instance(Home.from_environment()) as instance:
        if program == "dagster-daemon":
            restart_schedules_ahead(instance)
    path = Path(sys.executable).with_name(program)
    os.execv(path, [str(path), *arguments])


if __name__ == "__main__":
    main()
