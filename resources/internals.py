"""All uses of Dagster's private API, in one place.

Dagster's public API can't run a job in this process so that the web UI can re-execute it, end a run
whose process died, free the slots of such a run, tell why a step failed, mark some partitions of a
continuing run as failed, or keep the engines of its databases. ``SEEN_WITH`` is the version that
all of this was tried with; ``tests/pipeline/test_internals.py`` tries every function, and fails if
another version is installed.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    JobFailureData,
    RunFailureReason,
)
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.schedules import get_latest_completed_cron_tick
from sqlalchemy import Engine, create_engine

if TYPE_CHECKING:
    from starlette.applications import Starlette

SEEN_WITH: Final = "1.13.27"

#: Seconds by which clocks may differ, and a time after all ticks.
_CLOCK_ERROR: Final = 60.0
_END_OF_TIME: Final = 250_000_000_000.0  # in the year 9892


@dataclass(frozen=True, slots=True)
class StepError:
    """The error that ended a step: class name and message."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a run's log; ``event`` is Dagster's event type, '' for a stage's own line."""

    timestamp: float
    level: str
    step: str
    event: str
    message: str


def share_engines() -> None:
    """Let Dagster's SQLite storages keep one SQLAlchemy engine per database in this process.

    They create one per transaction, and compiled statements are cached per engine: about a thousand
    transactions of a run compile each statement anew. An engine without a pool holds no connection,
    so nothing else changes.
    """
    engines: dict[str, Engine] = {}

    def engine_of(address: str, **options: Any) -> Engine:
        if address not in engines:
            engines[address] = create_engine(address, **options)
        return engines[address]

    for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        storage.create_engine = engine_of  # type: ignore[attr-defined]


def load_job(module: str, name: str) -> ReconstructableJob:
    """The job with that name in a module's ``defs``, in the form that ``run_job`` takes.

    Raises:
        dg.DagsterInvalidDefinitionError: the definitions are inconsistent.
    """
    repository = ReconstructableRepository.for_module(module, "defs", os.getcwd())
    job = repository.get_reconstructable_job(name)
    job.get_definition()
    return job


def run_job(
    instance: dg.DagsterInstance,
    job: ReconstructableJob,
    *,
    module: str,
    location: str,
    run_id: str,
    config: Mapping[str, object],
    tags: Mapping[str, str],
) -> dg.DagsterRun:
    """Run a job in this process; returns the finished run, whether it succeeded or not.

    The run carries the origin of the code location, so that Dagster's web UI can re-execute it.
    """
    repository = RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=module), location),
        "__repository__",
    )
    run = instance.create_run_for_job(
        job.get_definition(),
        run_id=run_id,
        run_config=config,
        tags=tags,
        remote_job_origin=RemoteJobOrigin(repository, job.job_name),
        job_code_origin=job.get_python_origin(),
    )
    execute_run(job, run, instance, raise_on_error=False)
    finished = instance.get_run_by_id(run_id)
    assert finished is not None  # it was created above
    return finished


@contextmanager
def web_application(instance: dg.DagsterInstance, workspace: Path) -> Iterator["Starlette"]:
    """Dagster's web application over the code locations of a ``workspace.yaml``."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    with WorkspaceProcessContext(
        instance,
        WorkspaceFileTarget([str(workspace)]),
        version=__version__,
        read_only=False,
    ) as context:
        yield create_app_from_workspace_process_context(context)


def step_errors(instance: dg.DagsterInstance, run_id: str) -> list[StepError]:
    """The errors of the steps of a run that failed for good, in order."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    found: list[StepError] = []
    for record in records.records:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error is not None and error.cause is not None and _is_wrapper(error.cls_name):
            error = error.cause
        if error is not None:
            kind = error.cls_name or "Error"
            found.append(StepError(kind, _message(error.message, kind)))
    return found


def log_entries(instance: dg.DagsterInstance, run_id: str) -> list[LogEntry]:
    """All log entries of a run, in order."""
    found: list[LogEntry] = []
    for each in instance.all_logs(run_id):
        event = each.dagster_event
        message = each.user_message or (event.message if event else "") or ""
        level = logging.getLevelName(int(each.level))
        if event is not None and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checked = event.asset_check_evaluation_data
            level = "INFO" if checked.passed else "WARNING"
            state = "passed" if checked.passed else "failed"
            message = f"check {checked.check_name} {state}: {checked.description or ''}"
        kind = event.event_type_value if event else ""
        found.append(LogEntry(each.timestamp, level, each.step_key or "", kind, message))
    return found


def begin_to_cancel(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let an interrupted run end as canceled instead of failed."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status is dg.DagsterRunStatus.STARTED:
        instance.report_run_canceling(run, "Interrupted.")


def end_dead_run(instance: dg.DagsterInstance, run_id: str, why: str) -> None:
    """End a run whose process is gone, unless it has ended, and free its slots."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(run, why, reason)
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        storage.free_concurrency_slots_for_run(run_id)


def fail_partitions(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    asset: dg.AssetKey,
    partitions: Sequence[str],
    *,
    run_id: str,
    tags: Mapping[str, str],
    why: str,
) -> None:
    """Mark partitions that a run has materialised as failed.

    To Dagster, a partition has failed if the last run that was to materialise it failed, and a run
    succeeds or fails as a whole. So a second run, ``run_id``, is recorded that was to materialise
    these partitions and failed at once. It has the first run's origin: re-executed from the web UI,
    it materialises the asset for the partitions in its ``tags``.
    """
    record = dg.DagsterRun(
        job_name=run.job_name,
        run_id=run_id,
        asset_selection=frozenset({asset}),
        tags=tags,
        job_snapshot_id=run.job_snapshot_id,
        execution_plan_snapshot_id=run.execution_plan_snapshot_id,
        remote_job_origin=run.remote_job_origin,
        job_code_origin=run.job_code_origin,
    )
    instance.add_run(record)
    for partition in partitions:
        meant = AssetMaterializationPlannedData(asset, partition=partition)
        event = DagsterEvent.build_asset_materialization_planned_event(
            run.job_name, asset.to_python_identifier(), meant
        )
        instance.report_dagster_event(event, run_id=run_id)
    instance.report_run_failed(record, why)


def forget_run(instance: dg.DagsterInstance, folder: Path, run_id: str) -> None:
    """Delete a run, its events, and its files in Dagster's folder."""
    instance.delete_run(run_id)
    for path in (folder / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "storage" / run_id, ignore_errors=True)


def ahead_of_the_clock(instance: dg.DagsterInstance) -> list[str]:
    """Names of schedules and sensors that last ran in the future, as far as the clock says now.

    A clock ran ahead and was put right. Dagster starts none of them before it has caught up.
    """
    return [state.name for state in _ahead(instance)]


def restart_schedules_ahead(instance: dg.DagsterInstance) -> list[str]:
    """Make Dagster forget when those ran last; returns their names. No daemon may be running."""
    ahead = _ahead(instance)
    storage = instance.schedule_storage
    for state in ahead:
        assert storage is not None
        origin, selector = state.instigator_origin_id, state.selector_id
        storage.purge_ticks(origin, selector, before=_END_OF_TIME)
        storage.delete_instigator_state(origin, selector)
    return [state.name for state in ahead]


def _ahead(instance: dg.DagsterInstance) -> list[InstigatorState]:
    """Those that are on and last ran, or were begun, in the future."""
    latest = time.time() + _CLOCK_ERROR
    found: list[InstigatorState] = []
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        data = state.instigator_data
        names = ("start_timestamp", "last_iteration_timestamp", "last_tick_timestamp")
        times = [getattr(data, name, None) or 0.0 for name in (*names, "last_tick_start_timestamp")]
        times += [tick.timestamp for tick in ticks]
        if state.status is not InstigatorStatus.STOPPED and max(times) > latest:
            found.append(state)
    return found


def was_terminated(run: dg.DagsterRun, *, began: bool) -> bool:
    """Whether a failed run was ended from outside: its process was killed or told to stop.

    A process that fails by itself records the reason. If it dies, the server that launched it
    reports the end without a reason. A run that could not be launched has no reason either, but
    never ``began``.
    """
    reason = run.tags.get("dagster/failure_reason")
    return reason == RunFailureReason.UNEXPECTED_TERMINATION.value or (began and reason is None)


def last_scheduled(cron: str, timezone: str, now: datetime) -> datetime:
    """The newest time up to ``now`` at which a schedule was due."""
    return get_latest_completed_cron_tick(cron, now, timezone)


def taken_pools(instance: dg.DagsterInstance) -> list[str]:
    """The pools in which some run holds a slot."""
    storage = instance.event_log_storage
    return sorted(
        key
        for key in storage.get_concurrency_keys()
        if storage.get_concurrency_info(key).claimed_slots
    )


def _is_wrapper(cls_name: str | None) -> bool:
    """Whether Dagster, or the asset's body, wrapped another error in this one.

    The last of several tries ends in a ``RetryRequestedFromPolicy`` around the actual error.
    """
    wrappers = ("Failure", "RetryRequestedFromPolicy")
    return cls_name is None or cls_name.startswith("Dagster") or cls_name in wrappers


def _message(text: str, kind: str) -> str:
    """The message without the class name that Python writes before it."""
    head, _, rest = text.strip().partition(": ")
    return rest if rest and head.rpartition(".")[2] == kind else text.strip()
