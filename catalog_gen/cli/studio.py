"""`catalog-gen studio`: the local application, which needs the extra ``web``."""

from importlib.util import find_spec
from pathlib import Path

from catalog_gen.cli.output import messages
from catalog_gen.errors import ConfigError


def run(config: Path, port: int) -> int:
    """Serve until interrupted.

    Raises:
        ConfigError: Streamlit is not installed, or the settings can't be used.
    """
    if find_spec("streamlit") is None:
        raise ConfigError(
            "catalog-gen studio",
            "needs the package streamlit, which is not installed",
            "Install it: pip install 'catalog-gen[web]'.",
        )
    from catalog_gen.web.serve import run as serve

    messages.print(f"The studio: http://127.0.0.1:{port}   Stop it with Ctrl-C.")
    return serve(config, port)
