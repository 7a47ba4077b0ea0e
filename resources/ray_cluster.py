"""Connects to the Ray cluster at ``RAY_ADDRESS``, or to one on this machine for this process."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from catalog_gen.errors import ConfigError, DrawingError
from catalog_gen.settings.workers import RaySettings


def described(settings: RaySettings) -> str:
    """The cluster and its limits, in words, without connecting.

    Raises:
        ConfigError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise _not_installed()
    address = os.environ.get("RAY_ADDRESS") or "this machine"
    most = settings.max_workers or "as many as it holds"
    return f"{address}, workers {settings.min_workers} to {most}, outbox {settings.outbox}"


def connect() -> ModuleType:
    """Connect to Ray, at most once per process, and return the module.

    Raises:
        ConfigError: Ray is not installed.
        DrawingError: the cluster can't be reached.
    """
    # By default, Ray sends usage statistics to its developers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise _not_installed() from None
    if ray.is_initialized():
        return ray
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if not address:
        options |= {"address": "local", "include_dashboard": False}
    try:
        with _same_sigterm():
            ray.init(**options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise DrawingError(
            f"Ray at {address}" if address else "Ray on this machine",
            f"it can't be reached or started ({str(error).strip().partition(chr(10))[0]})",
            "Check RAY_ADDRESS, RAY_AUTH_MODE, the token and the cluster (`ray status`), and run "
            "again.",
        ) from error
    return ray


def room_for(settings: RaySettings) -> int:
    """How many workers the cluster now has room for, at least 1."""
    total = connect().cluster_resources()
    kinds = (("CPU", settings.cpus), ("GPU", gpus_each(settings)))
    return max(1, min(int(total.get(name, 0) // each) for name, each in kinds if each))


def gpus_each(settings: RaySettings) -> float:
    """GPUs per worker: as the settings say, or else one if the cluster has any."""
    if settings.gpus is not None:
        return settings.gpus
    return 1.0 if connect().cluster_resources().get("GPU", 0) else 0.0


def _not_installed() -> ConfigError:
    return ConfigError(
        "CATALOG_DEPLOYMENT=ray",
        "it needs the package ray",
        "Install it: `pip install 'catalog-gen[ray]'`.",
    )


@contextmanager
def _same_sigterm() -> Iterator[None]:
    """Keep this process's SIGTERM handler: Ray's would end it before the run's end is recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
