"""A cache of what a tuple of column names means, shared by all rows with these names."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

#: Limit on the columns of all cached plans: JSONL may have other keys on every line.
MAX_PLANNED: Final = 50_000

Plan = TypeVar("Plan")


class ColumnPlans(Generic[Plan]):
    """Plans by column names, computed by ``make``. The cache is emptied when it is full."""

    def __init__(self, make: Callable[[tuple[str, ...]], Plan]) -> None:
        self._make = make
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._planned = 0

    def of(self, names: tuple[str, ...]) -> Plan:
        plan = self._plans.get(names)
        if plan is None:
            if self._planned > MAX_PLANNED:
                self._plans.clear()
                self._planned = 0
            plan = self._plans[names] = self._make(names)
            self._planned += len(names)
        return plan
