"""`catalog-gen dev`: Dagster's web server and daemon over this catalog."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from catalog_gen.cli.output import messages
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings

#: Seconds that the two servers have to end; then a run that the daemon launched is interrupted.
_PATIENCE: Final = 30.0


def run(config: Path, port: int) -> int:
    """Serve until interrupted, and return 0, or the exit code of a server that ended by itself."""
    load_settings(config)
    home = Home.from_environment()
    from assets_defs.launch import WORKSPACE, dagster_instance
    from resources.internals import restart_schedules_ahead

    with dagster_instance(home) as instance:  # writes dagster.yaml on first use
        for name in restart_schedules_ahead(instance):
            messages.print(f"{name} last ran in the future: the clock was put right. It goes on.")
    environment = os.environ | {
        "DAGSTER_HOME": str(home.dagster),
        "CATALOG_HOME": str(home.root),
        "CATALOG_CONFIG": str(config.absolute()),
        "CATALOG_GALLERY_URL": f"http://127.0.0.1:{port}/gallery",
        "PYTHONWARNINGS": "ignore",
    }
    web = [sys.executable, "-m", "assets_defs.web", "--port", str(port)]
    daemon = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(WORKSPACE)]
    # Set before they start, since they inherit ignored signals (background jobs ignore SIGINT).
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    servers = [subprocess.Popen(command, env=environment) for command in (web, daemon)]
    messages.print(f"Dagster's UI: http://127.0.0.1:{port}   Stop it with Ctrl-C.")
    try:
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
        messages.print("One of Dagster's servers has ended; the other one is being stopped.")
    except KeyboardInterrupt:
        messages.print("Stopping ...")
    return _stop(servers)


def _stop(servers: "list[subprocess.Popen[bytes]]") -> int:
    """Stop both, and return the exit code of one that had ended by itself, else 0."""
    codes = [server.returncode for server in servers if server.poll() is not None]
    for server in servers:
        if server.poll() is None:
            server.terminate()
    for server in servers:
        try:
            server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    return next((code for code in codes if code), 0)
