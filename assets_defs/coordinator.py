"""A run queue that selects all shards if a launch selects none.

The launchpad can start a job without selecting a partition, but Dagster can't run partitioned
assets without one. Tags of the job that select all shards would conflict with a selection.
"""

from typing import Final

import dagster as dg

from assets_defs.partitions import ALL_SHARDS

#: Jobs that run over all shards by default. For other launches the page requires a partition.
OVER_ALL_SHARDS: Final = frozenset({"nightly_refresh", "retry_failed"})


class AllShardsByDefault(dg.QueuedRunCoordinator):
    """Configured in ``dagster.yaml``, so that the web server and the daemon use it."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run with tags for all shards if it has none."""
        run = context.dagster_run
        names_a_shard = "dagster/partition" in run.tags or ALL_SHARDS.keys() & run.tags.keys()
        if run.job_name in OVER_ALL_SHARDS and not names_a_shard:
            self._instance.add_run_tags(run.run_id, ALL_SHARDS)
        return super().submit_run(context)
