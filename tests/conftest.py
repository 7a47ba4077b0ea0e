"""Before anything heavy is imported: no hub, and no threads that spin while they wait."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
