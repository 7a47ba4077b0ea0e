"""The base class of families trained by flow matching, which share their schedulers."""

from typing import Any, ClassVar

from catalog_gen.diffusion.families.family import OWN, Family
from catalog_gen.diffusion.flow_schedules import SPACINGS, flow_scheduler


class FlowMatchingFamily(Family):
    """A family with the schedulers of ``flow_schedules``."""

    schedulers: ClassVar[tuple[str, ...]] = (OWN, *SPACINGS)

    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        return flow_scheduler(name, own)
