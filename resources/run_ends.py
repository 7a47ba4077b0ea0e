"""How runs ended, written into the store from what Dagster knows, whoever launched them."""

from datetime import UTC, datetime
from typing import Final

import dagster as dg

from catalog_gen.errors import StoreError
from catalog_gen.settings import Home
from catalog_gen.stages.runs import End, record_ends
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.runs import Ending
from resources.internals import step_errors, was_terminated

_CANCELED: Final = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def record_own_end(instance: dg.DagsterInstance, home: Home, run_id: str) -> None:
    """Record the end of the run that this process is about to finish.

    Dagster writes its own word a moment later; where the two differ, ``end_stale_runs`` follows
    Dagster's. A store that can't be written now is made up for there, too.
    """
    run = instance.get_run_by_id(run_id)
    status: Ending = "succeeded"
    if run is not None and run.status in _CANCELED:
        status = "interrupted"
    elif step_errors(instance, run_id):
        status = "failed"
    try:
        record_ends(Store(home), Outbox(home.outbox), [End(run_id, status, datetime.now(UTC))])
    except StoreError:
        return


def ended_as(run: dg.DagsterRun) -> Ending | None:
    """What Dagster says of a run's end; None: it has not ended."""
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return "succeeded"
    if run.status is dg.DagsterRunStatus.CANCELED:
        return "interrupted"
    if run.status is dg.DagsterRunStatus.FAILURE:
        return "interrupted" if was_terminated(run) else "failed"
    return None
