"""Batches of Dagster's events: fewer transactions, the same log for every reader."""

from pathlib import Path

import dagster as dg

from assets_defs.launch import dagster_instance
from assets_defs.partitions import ALL_SHARDS, in_one_run, shards
from catalog_gen.settings import Home


@dg.asset(partitions_def=shards, backfill_policy=in_one_run)
def pictures() -> None:
    """Nothing; its events are what matters."""


def test_dagsters_own_storage_reads_what_was_written_in_batches(tmp_path: Path) -> None:
    home = Home(tmp_path)
    job = dg.define_asset_job("draw", [pictures])
    definitions = dg.Definitions([pictures], jobs=[job])
    with dagster_instance(home) as instance:
        run = definitions.resolve_job_def("draw").execute_in_process(
            instance=instance, tags=ALL_SHARDS
        )
    with dg.DagsterInstance.from_config(str(home.dagster)) as plain:
        assert plain.get_materialized_partitions(pictures.key) == set(shards.get_partition_keys())
        planned = plain.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        ).records
        assert {each.partition_key for each in planned} == set(shards.get_partition_keys())
        types = [each.dagster_event_type for each in plain.all_logs(run.run_id)]
        assert types.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 64
        assert types[-1] == dg.DagsterEventType.RUN_SUCCESS
