"""Set before heavy imports: no access to the hub, and no threads that spin while they wait."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

from hypothesis import settings

# A busy machine takes longer for an example than hypothesis allows; no test here is about time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
