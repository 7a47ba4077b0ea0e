"""Delete Dagster's own records of old runs."""

import time
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from catalog_gen.home import Home
from resources.internals import forget_run

#: Runs that are deleted at a time: a refresh must not wait for a year's worth.
_AT_ONCE: Final = 50

_ENDED: Final = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


def forget_old_runs(instance: dg.DagsterInstance, home: Home, days: int) -> list[str]:
    """Delete Dagster's records of runs that ended more than ``days`` ago; returns their ids.

    The last materialisation of every asset is kept, so that Dagster's web UI still shows it. The
    store's ``runs`` and all lineage stay.
    """
    before = datetime.fromtimestamp(time.time() - days * 86_400, UTC)
    old = instance.get_run_records(
        dg.RunsFilter(statuses=_ENDED, updated_before=before), limit=_AT_ONCE, ascending=True
    )
    if not old:
        return []
    kept = _last_of_every_asset(instance)
    gone = [each.dagster_run.run_id for each in old if each.dagster_run.run_id not in kept]
    for run_id in gone:
        forget_run(instance, home.dagster, run_id)
    return gone


def _last_of_every_asset(instance: dg.DagsterInstance) -> set[str]:
    events = (instance.get_latest_materialization_event(key) for key in instance.get_asset_keys())
    return {event.run_id for event in events if event is not None}
