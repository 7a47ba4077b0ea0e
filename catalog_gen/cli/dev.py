"""`catalog-gen dev`: Dagster's web server and daemon over this catalog."""

import os
import subprocess
import sys
from pathlib import Path

from catalog_gen.cli.output import messages
from catalog_gen.settings import Home, load_settings


def run(config: Path, port: int) -> int:
    """Serve until interrupted; returns Dagster's exit code."""
    load_settings(config)
    home = Home.from_environment()
    from assets_defs.launch import WORKSPACE, dagster_instance

    with dagster_instance(home):
        pass  # writes dagster.yaml on first use
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(WORKSPACE)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {
        "DAGSTER_HOME": str(home.dagster),
        "CATALOG_HOME": str(home.root),
        "CATALOG_CONFIG": str(config.absolute()),
    }
    messages.print(f"Dagster's UI: http://127.0.0.1:{port}   Stop it with Ctrl-C.")
    with subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            return server.wait()
