"""End runs whose process died, in Dagster and in the store, and free their slots.

Every run's process holds a file lock as long as it lives, however it was launched. Dagster's own
monitor asks the run launcher, and the default launcher can't tell.
"""

import time
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from assets_defs.failed_shards import is_mark
from catalog_gen.errors import StoreBusyError
from catalog_gen.home import Home
from catalog_gen.stages.runs import End, record_ends
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.run_lock import dead_runs, forget, is_alive
from catalog_gen.store.runs import run_statuses, unfinished_runs
from resources.internals import end_dead_run
from resources.run_ends import end_of, ended_as, has_begun

#: Seconds to wait for another process before the runs table is left to the next refresh.
_PATIENCE: Final = 2.0

#: Seconds that a run may be without a lock, while it loads code or ends.
_GRACE: Final = 600.0

#: The newest runs of Dagster that are compared with the store.
_COMPARED: Final = 100

_AT_WORK: Final = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def end_stale_runs(instance: dg.DagsterInstance, home: Home) -> list[str]:
    """End dead runs, and record in the store how every run ended; returns the ids of the dead.

    If another process holds the database, the recording is left to a later call.

    Raises:
        StoreError: the database can't be used.
    """
    dead = dead_runs(home)
    lost = [run_id for run_id in _without_a_lock(instance, home) if run_id not in dead]
    for run_id in (*dead, *lost):
        end_dead_run(instance, run_id, "Its process died; the next refresh continues its work.")
    store = Store(home, patience=_PATIENCE)
    try:
        record_ends(store, Outbox(home.outbox), _ends(instance, store))
    except StoreBusyError:
        return [*dead, *lost]
    for run_id in dead:
        forget(home, run_id)
    return [*dead, *lost]


def _without_a_lock(instance: dg.DagsterInstance, home: Home) -> list[str]:
    """Runs that Dagster considers running although no process works on them.

    A run that began in the future was launched while the clock was ahead, so it counts as old.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=_AT_WORK))
    now = time.time()
    return [
        record.dagster_run.run_id
        for record in records
        if record.start_time is not None
        and abs(now - record.start_time) > _GRACE
        and not is_alive(home, record.dagster_run.run_id)
    ]


def _ends(instance: dg.DagsterInstance, store: Store) -> list[End]:
    """The ends of runs, by Dagster's records, that the store lacks.

    Runs that Dagster has no record of count as interrupted.
    """
    newest = instance.get_run_records(limit=_COMPARED)
    records = {each.dagster_run.run_id: each for each in newest if not is_mark(each.dagster_run)}
    with store.reading() as connection:
        known = run_statuses(connection, list(records))
        unfinished = unfinished_runs(connection)
    ends = [
        end_of(instance, record)
        for run_id, record in records.items()
        if known.get(run_id) != ended_as(record.dagster_run, began=has_begun(record))
    ]
    ends += [
        End(run_id, "interrupted", datetime.now(UTC), error="Dagster no longer has a record of it")
        for run_id in unfinished
        if run_id not in records and instance.get_run_by_id(run_id) is None
    ]
    return [end for end in ends if end is not None]
