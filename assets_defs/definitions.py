"""The composition root of the code location that Dagster loads.

The catalog is selected by environment variables: ``CATALOG_CONFIG`` is the settings file (default
``data/catalog.toml``), ``CATALOG_HOME`` the folder for all output (default ``.catalog``),
``CATALOG_FEED`` overrides the settings' feed, and ``CATALOG_DEPLOYMENT`` selects the resources
(default ``local``). The catalog's resource reads the first three when a run begins.
"""

import os

import dagster as dg

from assets_defs.checks import (
    all_drawn,
    even_variants,
    feed_quality,
    needs_review,
    no_outliers,
    own_colours,
    pass_rate,
    prompt_budget,
    publish_coverage,
    stored_bytes,
)
from assets_defs.experiment_assets import experiment, experiment_job, experiment_schedules
from assets_defs.jobs import ASSETS, nightly_refresh, nightly_schedule, retry_failed
from assets_defs.monitor import run_monitor
from assets_defs.night_reports import night_reports
from assets_defs.replay_assets import (
    audit_schedule,
    no_unexplained_drift,
    replay_audit,
    replay_audit_job,
)
from catalog_gen.settings.catalog import load_settings
from resources.catalog import config_from_environment
from resources.deployments import resources_for

# Idle threads of torch's OpenMP spin for milliseconds, which on a busy machine takes several times
# the time of the work itself; threads that sleep at once wake up late, which costs a quarter on an
# idle machine. Torch reads this when it is loaded, long after this line.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

_settings = load_settings(config_from_environment())

defs = dg.Definitions(
    assets=[*ASSETS, replay_audit, experiment],
    asset_checks=[
        *(feed_quality, prompt_budget, all_drawn, stored_bytes, pass_rate, needs_review),
        publish_coverage,
        *(even_variants, no_outliers, own_colours),
        no_unexplained_drift,
    ],
    jobs=[nightly_refresh, retry_failed, replay_audit_job, experiment_job],
    sensors=[run_monitor, night_reports],
    schedules=[
        nightly_schedule(_settings.schedule),
        audit_schedule(_settings.audit, _settings.schedule.timezone),
        *experiment_schedules(_settings.experiments, _settings.schedule.timezone),
    ],
    resources=resources_for(os.environ.get("CATALOG_DEPLOYMENT", "local")),
    # Dagster's default starts a process for each step, and each would load the model again.
    executor=dg.in_process_executor,
)
