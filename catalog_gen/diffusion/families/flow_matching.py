"""The base class of families trained by flow matching, which share their schedulers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from catalog_gen.diffusion.families.family import OWN, Drawable, Family, Problem
from catalog_gen.diffusion.flow_schedules import SPACINGS, flow_scheduler, schedule_problem


class FlowMatchingFamily(Family):
    """A family with the schedulers of ``flow_schedules``."""

    schedulers: ClassVar[tuple[str, ...]] = (OWN, *SPACINGS)

    def schedule_problem(self, wanted: Drawable, own: Mapping[str, Any]) -> Problem | None:
        return schedule_problem(wanted.scheduler, own)

    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        return flow_scheduler(name, own)
