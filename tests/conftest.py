"""Set before heavy imports: no access to the hub, no threads that spin while they wait, and one
thread of PyTorch where workers share the cores."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# A busy machine takes longer for an example than hypothesis allows; no test here is about time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
