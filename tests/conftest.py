"""Set before heavy imports: no access to the hub, no threads that spin while they wait, one
thread of PyTorch where workers share the cores, no garbage collection until tests are collected."""

import gc
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

gc.disable()

from hypothesis import settings  # noqa: E402

# A busy machine takes longer for an example than hypothesis allows; no test here is about time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Never look for garbage among the modules, which is most of what there is; start the server
    of processes here, since tests may work in folders where it doesn't find the tests' package."""
    gc.freeze()
    gc.enable()
    if processes := sys.modules.get("tests.processes"):
        processes.start_server()


def pytest_unconfigure() -> None:
    """Let the interpreter collect everything as it ends, or bindings report leaks."""
    gc.unfreeze()
