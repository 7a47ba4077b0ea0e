"""Dagster's queue of runs, with all shards for a launch that names none.

The launchpad starts a job with or without a partition chosen. Dagster can't run partitioned assets
without one; and tags of the job itself, which could name all shards, would contradict a choice.
"""

from typing import Final

import dagster as dg

from assets_defs.partitions import ALL_SHARDS

#: Jobs over all shards unless a launch says otherwise. The page asks for a partition elsewhere.
OVER_ALL_SHARDS: Final = frozenset({"nightly_refresh", "retry_failed"})


class AllShardsByDefault(dg.QueuedRunCoordinator):
    """Named in ``dagster.yaml``, so that the web server and the daemon use it."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run; the daemon launches it with the tags that it has by then."""
        run = context.dagster_run
        names_a_shard = "dagster/partition" in run.tags or ALL_SHARDS.keys() & run.tags.keys()
        if run.job_name in OVER_ALL_SHARDS and not names_a_shard:
            self._instance.add_run_tags(run.run_id, ALL_SHARDS)
        return super().submit_run(context)
