"""Run the nightly job in this process, recorded in the same Dagster instance as the schedule's.

The run is created with its origin, so that Dagster's UI can re-execute it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id
from sqlalchemy.exc import OperationalError

from assets_defs.partitions import ALL_SHARDS
from assets_defs.stale_runs import end_stale_runs, sign_of_life
from catalog_gen.errors import ConfigError, StoreError
from catalog_gen.settings import Home

#: What ``workspace.yaml`` says, too: the UI finds a run's code by the location's name.
WORKSPACE: Final = Path(__file__).parents[1] / "workspace.yaml"
MODULE: Final = "assets_defs.definitions"
LOCATION: Final = "catalog_gen"
JOB: Final = "nightly_refresh"

_INSTANCE_YAML: Final = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 30
"""


@dataclass(frozen=True, slots=True)
class RunFailure:
    """What ended a run: the class name and message of the error that a stage raised."""

    kind: str
    message: str


def dagster_instance(home: Home) -> dg.DagsterInstance:
    """The instance below the catalog's folder, created with its settings on first use."""
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_INSTANCE_YAML, "utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)  # Dagster's own code asks the environment
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "256")
    # The files are those of Dagster's default, which its web server reads.
    event_log = {
        "module": "assets_defs.event_log",
        "class": "BatchedSqliteEventLogStorage",
        "config": {"base_dir": str(folder / "history" / "runs")},
    }
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(folder), overrides={"event_log_storage": event_log})
    )


def run_nightly(instance: dg.DagsterInstance, catalog: Mapping[str, object]) -> dg.DagsterRun:
    """Run the job over all shards; ``catalog`` is the configuration of the catalog resource.

    Runs of this command that died earlier are marked as failed first.

    Returns:
        The finished run, whether it succeeded or not.

    Raises:
        ConfigError: what Dagster is told of schedules or deployment is wrong.
        StoreError: the database can't be used, so that no run was started; or Dagster's own could
            not be written while the run was at work.
    """
    home = Home(Path(str(catalog["home"])))
    repository = ReconstructableRepository.for_module(MODULE, "defs", os.getcwd())
    nightly = repository.get_reconstructable_job(JOB)
    try:
        nightly.get_definition()
    except dg.DagsterInvalidDefinitionError as error:
        raise ConfigError(
            "schedule, audit or CATALOG_DEPLOYMENT",
            " ".join(str(error).split()).rstrip("."),
            "Mend it in the settings or the environment, and run again.",
        ) from error
    end_stale_runs(instance, home)
    run_id = make_new_run_id()
    try:
        with sign_of_life(home, run_id):
            return _run_nightly(instance, nightly, catalog, run_id)
    except OperationalError as error:
        raise StoreError(
            str(home.dagster),
            f"Dagster can't write its records ({error.orig})",
            "Free space or mend the folder and run again: everything acknowledged is kept.",
        ) from error


def _run_nightly(
    instance: dg.DagsterInstance,
    job: ReconstructableJob,
    catalog: Mapping[str, object],
    run_id: str,
) -> dg.DagsterRun:
    run = instance.create_run_for_job(
        job.get_definition(),
        run_id=run_id,
        run_config={
            "resources": {"catalog": {"config": dict(catalog)}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        tags=ALL_SHARDS,
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(
                ManagedGrpcPythonEnvCodeLocationOrigin(
                    LoadableTargetOrigin(module_name=MODULE), LOCATION
                ),
                "__repository__",
            ),
            JOB,
        ),
        job_code_origin=job.get_python_origin(),
    )
    execute_run(job, run, instance, raise_on_error=False)
    finished = instance.get_run_by_id(run.run_id)
    assert finished is not None  # it was created above
    return finished


def failure_of(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """Why a run failed, from its event log; the first step that failed tells."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for record in records.records:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error is not None and error.cause is not None and _is_wrapper(error.cls_name):
            error = error.cause
        if error is not None:
            return RunFailure(error.cls_name or "Error", _message(error.message))
    return RunFailure("InfrastructureError", "the run failed before its first step")


def _is_wrapper(cls_name: str | None) -> bool:
    """Whether Dagster, or the asset's body for Dagster, put this error around another one.

    The last of several tries ends in a ``RetryRequestedFromPolicy`` around what went wrong.
    """
    wrappers = ("Failure", "RetryRequestedFromPolicy")
    return cls_name is None or cls_name.startswith("Dagster") or cls_name in wrappers


def _message(text: str) -> str:
    """The message without the class name that Dagster writes before it."""
    head, _, rest = text.strip().partition(": ")
    return rest if rest and "." in head and " " not in head else text.strip()
