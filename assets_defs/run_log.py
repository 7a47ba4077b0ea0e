"""A run's log as Dagster keeps it, without what only Dagster cares about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from assets_defs.launch import dagster_instance
from catalog_gen.settings import Home
from resources.internals import log_entries

#: Events that say how a run went; the others say how Dagster goes about it.
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
    """What a run said, in order; empty where Dagster has forgotten it."""
    if not (home.dagster / "dagster.yaml").exists():
        return []
    with dagster_instance(home) as instance:
        entries = log_entries(instance, run_id)
    return [
        LogLine(datetime.fromtimestamp(each.timestamp, UTC), each.level, each.step, each.message)
        for each in entries
        if each.event in _TOLD or not each.event
    ]
