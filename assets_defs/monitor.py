"""A sensor of Dagster's daemon that ends dead runs and deletes old ones."""

import dagster as dg

from assets_defs.history import forget_old_runs
from assets_defs.stale_runs import end_stale_runs
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings
from resources.catalog import config_from_environment


@dg.sensor(
    name="run_monitor",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process died, records how runs ended, deletes old ones.",
)
def run_monitor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """End dead runs; Dagster's monitor can't tell whether a default launcher's process lives."""
    home = Home.from_environment()
    dead = end_stale_runs(context.instance, home)
    days = load_settings(config_from_environment()).history.days
    gone = forget_old_runs(context.instance, home, days)
    ended = f"ended {', '.join(run_id[:8] for run_id in dead)}" if dead else "no run has died"
    return dg.SkipReason(f"{ended}; {len(gone)} old runs deleted")
