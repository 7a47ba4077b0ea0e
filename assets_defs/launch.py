"""Run a job in this process, recorded in the same Dagster instance as the schedule's runs."""

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import dagster as dg
from sqlalchemy.exc import OperationalError

from assets_defs.history import forget_old_runs
from assets_defs.partitions import ALL_SHARDS, shard_range
from assets_defs.stale_runs import end_stale_runs
from catalog_gen.errors import ConfigError, StoreError
from catalog_gen.garbage import many_imports
from catalog_gen.home import Home
from catalog_gen.planning import NO_LIMIT, Budget
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.mending import Kind
from catalog_gen.store.nights import NIGHTLY
from catalog_gen.store.run_lock import run_lock
from resources.catalog import config_from_environment
from resources.internals import StepError, load_job, run_job, share_engines, step_errors
from resources.run_ends import LAUNCHED_BY, ended_as

#: As in ``workspace.yaml``: the UI finds a run's code by the location's name.
WORKSPACE: Final = Path(__file__).parents[1] / "workspace.yaml"
MODULE: Final = "assets_defs.definitions"
LOCATION: Final = "catalog_gen"
RETRY: Final = "retry_failed"
EXPERIMENT: Final = "run_experiment"

_INSTANCE_YAML: Final = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 30
run_coordinator:
  module: assets_defs.coordinator
  class: AllShardsByDefault
retention:
  sensor:
    purge_after_days: 2
"""


def dagster_instance(home: Home) -> dg.DagsterInstance:
    """The instance below the catalog's folder, created with its settings on first use."""
    share_engines()
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_INSTANCE_YAML, "utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)  # Dagster asks the environment
    return dg.DagsterInstance.get()


def run_nightly(
    instance: dg.DagsterInstance, home: Home, budget: Budget = NO_LIMIT
) -> dg.DagsterRun:
    """Run the nightly job over all shards; raises as ``_run`` does."""
    limits = {"budget": budget.images, "budget_seconds": budget.seconds}
    config = {"resources": {"catalog": {"config": limits}}}
    return _run(instance, home, NIGHTLY, config, ALL_SHARDS)


def run_retry(
    instance: dg.DagsterInstance,
    home: Home,
    *,
    kinds: Sequence[Kind],
    products: Sequence[str],
    shards: Sequence[int],
) -> dg.DagsterRun:
    """Draw again what failed, and publish what passed; raises as ``_run`` does.

    Args:
        products: ids of the products to draw; empty: all of them.
        shards: their shards; Dagster also marks all shards between the first and the last.
    """
    again = {
        "failed": "failed" in kinds,
        "given_up": "given up" in kinds,
        "rejected": "rejected" in kinds,
        "products": list(products),
    }
    config = {"ops": {"candidate_images": {"config": again}}}
    return _run(instance, home, RETRY, config, shard_range(min(shards), max(shards)))


def run_experiment(instance: dg.DagsterInstance, home: Home) -> dg.DagsterRun:
    """Run the experiment of ``$CATALOG_EXPERIMENT``; raises as ``_run`` does."""
    return _run(instance, home, EXPERIMENT, {}, {})


def _run(
    instance: dg.DagsterInstance,
    home: Home,
    job_name: str,
    config: Mapping[str, object],
    tags: Mapping[str, str],
) -> dg.DagsterRun:
    """Run a job over the catalog that the environment selects.

    First it records the ends of earlier runs, including those that died, and deletes old records.

    Returns:
        The finished run, whether it succeeded or not.

    Raises:
        ConfigError: the schedules or the deployment are invalid.
        StoreError: the database can't be used, so no run was started; or Dagster's own database
            could not be written during the run.
    """
    try:
        with many_imports():
            job = load_job(MODULE, job_name)
    except dg.DagsterInvalidDefinitionError as error:
        raise ConfigError(
            "schedule, audit or CATALOG_DEPLOYMENT",
            " ".join(str(error).split()).rstrip("."),
            "Correct it in the settings or the environment, and run again.",
        ) from error
    end_stale_runs(instance, home)
    run_id = str(uuid.uuid4())
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    try:
        with run_lock(home, run_id):
            run = run_job(
                instance,
                job,
                module=MODULE,
                location=LOCATION,
                run_id=run_id,
                config={**config, **quiet},
                tags={**tags, LAUNCHED_BY: "command line"},
            )
        end_stale_runs(instance, home)
        settings = load_settings(config_from_environment())
        forget_old_runs(instance, home, settings.history.days)
    except OperationalError as error:
        raise StoreError(
            str(home.dagster),
            f"Dagster can't write its records ({error.orig})",
            "Free space or repair the folder and run again: everything acknowledged is kept.",
        ) from error
    return run


def was_interrupted(run: dg.DagsterRun) -> bool:
    """Whether a run was ended from outside: by Ctrl-C, or terminated in the web UI."""
    return ended_as(run, began=True) == "interrupted"


def failure_of(instance: dg.DagsterInstance, run_id: str) -> StepError:
    """The error of a run's first failed step, from its event log."""
    errors = step_errors(instance, run_id)
    unknown = StepError("InfrastructureError", "the run failed before its first step")
    return errors[0] if errors else unknown
