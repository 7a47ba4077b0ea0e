"""Record in the store how runs ended, from Dagster's records."""

from datetime import UTC, datetime
from typing import Final

import dagster as dg

from catalog_gen.errors import StoreError
from catalog_gen.home import Home
from catalog_gen.stages.runs import End, record_ends
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.runs import Ending
from resources.internals import step_errors, was_terminated

#: The run tag for who launched a run, where Dagster has no tag of its own.
LAUNCHED_BY: Final = "catalog_gen/launched_by"

_CANCELED: Final = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def record_own_end(instance: dg.DagsterInstance, home: Home, run_id: str) -> None:
    """Record the end of the run that this process is about to finish.

    Dagster records its own status a moment later; if the two differ, ``end_stale_runs`` adopts
    Dagster's. If the store can't be written now, it is also updated there.
    """
    run = instance.get_run_by_id(run_id)
    status: Ending = "succeeded"
    if run is not None and run.status in _CANCELED:
        status = "interrupted"
    elif step_errors(instance, run_id):
        status = "failed"
    error = "" if status == "succeeded" else _why(instance, run_id, status)
    end = End(
        run_id,
        status,
        datetime.now(UTC),
        job=name_of(run) if run else "",
        launched_by=launched_by(run) if run else "",
        error=error,
    )
    try:
        record_ends(Store(home), Outbox(home.outbox), [end])
    except StoreError:
        return


def end_of(instance: dg.DagsterInstance, record: dg.RunRecord) -> End | None:
    """How a run ended, by Dagster's records; None if it has not ended."""
    run, status = record.dagster_run, ended_as(record.dagster_run, began=has_begun(record))
    if status is None:
        return None
    at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else datetime.now(UTC)
    return End(
        run.run_id,
        status,
        at,
        job=name_of(run),
        launched_by=launched_by(run),
        error="" if status == "succeeded" else _why(instance, run.run_id, status),
    )


def name_of(run: dg.DagsterRun) -> str:
    """The job's name, and the assets if a run has only some, for which Dagster hides the job."""
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    if run.job_name.startswith("__"):
        return assets or "assets"
    return f"{run.job_name}: {assets}" if assets else run.job_name


def launched_by(run: dg.DagsterRun) -> str:
    """Who launched a run: the command line, a schedule, a backfill, or Dagster's web UI.

    A re-executed run has the tags of the first one.
    """
    tags = run.tags
    if run.parent_run_id is not None:
        return "retry" if "dagster/retry_number" in tags else "page"
    if LAUNCHED_BY in tags:
        return tags[LAUNCHED_BY]
    if "dagster/schedule_name" in tags:
        return f"schedule {tags['dagster/schedule_name']}"
    if "dagster/backfill" in tags:
        return f"backfill {tags['dagster/backfill']}"
    return "page"


def _why(instance: dg.DagsterInstance, run_id: str, status: Ending) -> str:
    if status == "interrupted":
        return "stopped from outside, or its process died"
    errors = step_errors(instance, run_id)
    return errors[0].message if errors else "it failed before its first step"


def has_begun(record: dg.RunRecord) -> bool:
    """Whether a process ever worked on the run."""
    return record.start_time is not None


def ended_as(run: dg.DagsterRun, *, began: bool) -> Ending | None:
    """How a run ended, by its Dagster status; None if it has not ended."""
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return "succeeded"
    if run.status is dg.DagsterRunStatus.CANCELED:
        return "interrupted"
    if run.status is dg.DagsterRunStatus.FAILURE:
        return "interrupted" if was_terminated(run, began=began) else "failed"
    return None
