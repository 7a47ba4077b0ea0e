"""Dagster's definitions: the graph, the shards, the schedule, the checks."""

import os
import signal
import time
from datetime import UTC, datetime

import dagster as dg
import pytest

from assets_defs.launch import was_interrupted
from assets_defs.stage_asset import stage_asset
from tests.pipeline.shop import Shop


@pytest.fixture(scope="module")
def defs(refreshed: Shop) -> dg.Definitions:
    from assets_defs.definitions import defs

    return defs


def test_the_graph_is_that_of_the_design(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "product_feed": set(),
        "products": {"product_feed"},
        "learned_concepts": {"products"},
        "prompts": {"products", "learned_concepts"},
        "candidate_images": {"prompts"},
        "clip_scores": {"candidate_images"},
        "verdicts": {"clip_scores"},
        "published_catalog": {"verdicts"},
        "gallery": {"published_catalog"},
        "channel_feeds": {"published_catalog"},
        "lineage_snapshot": {"published_catalog", "gallery", "channel_feeds"},
        "replay_audit": {"published_catalog"},
        "experiment": set(),
    }
    sharded = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).partitions_def is not None
    }
    assert sharded == {"prompts", "candidate_images", "clip_scores", "verdicts"}


def test_the_schedule_asks_for_all_shards_in_one_run(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    schedule = defs.resolve_schedule_def("nightly_refresh")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "UTC"
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 11, 22, 2, tzinfo=UTC)
    ) as context:
        tick = schedule.evaluate_tick(context)
    assert len(tick.run_requests) == 1
    tags = tick.run_requests[0].tags
    assert tags["dagster/asset_partition_range_start"] == "00"
    assert tags["dagster/asset_partition_range_end"] == "15"


def test_the_audit_is_scheduled_and_finds_the_same_pictures(
    defs: dg.Definitions, refreshed: Shop, instance: dg.DagsterInstance
) -> None:
    schedule = defs.resolve_schedule_def("nightly_audit")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "0 5 * * *"
    result = defs.resolve_job_def("nightly_audit").execute_in_process(instance=instance)
    assert result.success
    assert [each.passed for each in result.get_asset_check_evaluations()] == [True]
    assert refreshed.query("SELECT result, count(*) FROM replays GROUP BY ALL") == [
        ("identical", 6)
    ]


def test_every_check_of_the_last_night_passed(instance: dg.DagsterInstance) -> None:
    (first_night,) = instance.get_run_ids(dg.RunsFilter(job_name="nightly_refresh"))
    events = instance.all_logs(first_night, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [event.dagster_event.asset_check_evaluation_data for event in events]  # type: ignore[union-attr]
    passed = {each.check_name: each.passed for each in evaluations}
    assert passed == {
        "feed_quality": True,
        "prompt_budget": True,
        "all_drawn": True,
        "stored_bytes": True,
        "pass_rate": True,
        "needs_review": True,
        "publish_coverage": True,
        "even_variants": True,
        "no_outliers": True,
        "own_colours": True,
    }


def test_a_run_without_shards_fails_instead_of_doing_nothing(refreshed: Shop) -> None:
    from assets_defs.jobs import ASSETS
    from resources.deployments import resources_for

    with (
        dg.DagsterInstance.ephemeral() as ephemeral,
        pytest.raises(dg.Failure, match="has no shard"),
    ):
        dg.materialize(
            ASSETS, selection="prompts", resources=resources_for("local"), instance=ephemeral
        )


@pytest.mark.parametrize("field", ["config", "home", "feed"])
def test_no_launch_request_chooses_files(defs: dg.Definitions, field: str) -> None:
    chosen = {"resources": {"catalog": {"config": {field: "/tmp/mine"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match=field):
        dg.validate_run_config(defs.resolve_job_def("nightly_refresh"), chosen)


def test_one_shard_alone_can_be_materialised_again(
    defs: dg.Definitions, refreshed: Shop, instance: dg.DagsterInstance
) -> None:
    shard = refreshed.query("SELECT min(shard) FROM products")[0][0]
    before = refreshed.query("SELECT image_id, sha256 FROM images ORDER BY ALL")
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("candidate_images")],
        partition_key=f"{shard:02d}",
    )
    assert result.success
    assert refreshed.query("SELECT image_id, sha256 FROM images ORDER BY ALL") == before


def test_an_interrupt_ends_a_step_and_is_not_tried_again(instance: dg.DagsterInstance) -> None:
    begun: list[int] = []

    @stage_asset(group="test", kinds={"python"})
    def drawing() -> None:
        begun.append(1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)

    done = dg.materialize([drawing], instance=instance, raise_on_error=False)
    assert (done.success, len(begun)) == (False, 1)
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert was_interrupted(run)
