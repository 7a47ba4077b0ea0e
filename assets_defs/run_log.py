"""A run's log from Dagster's event log, without Dagster's internal events."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from assets_defs.launch import dagster_instance
from catalog_gen.home import Home
from resources.internals import log_entries

#: Events about the run itself; the others are internal to Dagster.
_TOLD: Final = {
    "RUN_START",
    "RUN_SUCCESS",
    "RUN_FAILURE",
    "RUN_CANCELED",
    "STEP_FAILURE",
    "STEP_UP_FOR_RETRY",
    "ASSET_CHECK_EVALUATION",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: ``level`` is INFO, WARNING or ERROR; ``step`` is '' for the run as a whole."""

    at: datetime
    level: str
    step: str
    message: str


def log_of(home: Home, run_id: str) -> list[LogLine]:
    """A run's log lines, in order; empty if Dagster's records were deleted."""
    if not (home.dagster / "dagster.yaml").exists():
        return []
    with dagster_instance(home) as instance:
        entries = log_entries(instance, run_id)
    return [
        LogLine(datetime.fromtimestamp(each.timestamp, UTC), each.level, each.step, each.message)
        for each in entries
        if each.event in _TOLD or not each.event
    ]
