"""Failures are reported, fixed and drawn again: stages, checks, exit codes, commands."""

import json
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from assets_defs.partitions import SHARD_KEYS, shards
from catalog_gen.fingerprint import shard_of
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.failures import grouped, parts_of
from catalog_gen.stages.mending import mend
from catalog_gen.store.ledger import OpenFailure, open_failures
from tests.pipeline.shop import Shop, open_shop
from tests.pipeline.test_cli import run

#: Product and view of every wish, beside the ledger's rows that fulfil it.
WISHES = "SELECT product_id, ledger.view FROM current_prompts JOIN ledger USING (look_id)"

PHOTOS = """
[views.refreshed]
template = "{{ colour }} {{ category }}"
method = { name = "img2img", strength = 0.35 }
steps = 3
width = 32
height = 32
"""


def with_photos(folder: Path, broken: str = "no picture") -> Shop:
    """A shop in which sku-1 and sku-2 have photos; that of sku-1 is broken."""
    shop = open_shop(folder)
    with shop.config.open("a", encoding="utf-8") as stream:
        stream.write(PHOTOS)
    feed = shop.folder / "feed.csv"
    header, *rows = feed.read_text("utf-8").splitlines()
    photos = ("one.png", "two.png", "")
    lines = [f"{row},{photo}" for row, photo in zip(rows, photos, strict=True)]
    feed.write_text("\n".join([f"{header},reference_image", *lines, ""]), "utf-8")
    (shop.folder / "photos" / "one.png").write_text(broken, "utf-8")
    save_photo(shop, "two.png", 60)
    return shop


def save_photo(shop: Shop, name: str, level: int) -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[10:30, 10:30] = level
    Image.fromarray(pixels).save(shop.folder / "photos" / name)


def drawn_for(shop: Shop) -> set[tuple[object, ...]]:
    return set(shop.query(f"{WISHES} WHERE status = 'made'"))


def test_a_mended_photo_is_drawn_again_and_nothing_else(tmp_path: Path) -> None:
    shop = with_photos(tmp_path)
    assert shop.night("first")["failed"] == 1
    before = drawn_for(shop)
    save_photo(shop, "one.png", 90)
    mended = mend(shop.catalog, ["failed"], Stamp.at_once("again"), shards=[shard_of("sku-1")])
    assert (mended.photos, mended.shards) == (1, (shard_of("sku-1"),))
    planned = shop.query(f"{WISHES} WHERE status = 'planned'")
    assert planned == [("sku-1", "refreshed")]
    night = shop.night("second")
    assert (night["changed"], night["generated"], night["failed"]) == (0, 1, 0)
    assert drawn_for(shop) - before == {("sku-1", "refreshed")}
    with shop.catalog.store.reading() as connection:
        assert open_failures(connection) == []


@pytest.mark.slow
def test_given_up_pictures_are_retried_from_zero_on_request(tmp_path: Path) -> None:
    shop = with_photos(tmp_path)
    for number in range(4):
        shop.night(f"night {number}")
    status = "SELECT status, tries FROM ledger WHERE status <> 'made'"
    assert shop.query(status) == [("given up", 3)]
    stamp = Stamp.at_once("again")
    assert mend(shop.catalog, ["failed"], stamp).again == 0
    assert mend(shop.catalog, ["given up"], stamp, products=["sku-2"]).again == 0
    assert mend(shop.catalog, ["given up"], stamp, shards=[shard_of("sku-1") ^ 1]).again == 0
    assert mend(shop.catalog, ["given up"], stamp, products=["sku-1"]).again == 1
    assert shop.query(status) == [("planned", 0)]


@pytest.mark.slow
def test_a_refresh_repeats_the_remedy_every_night_until_retry_draws_it(tmp_path: Path) -> None:
    shop = with_photos(tmp_path)
    shop.config.write_text(
        shop.config.read_text("utf-8").replace("[publish]", "[limits]\ntries = 1\n[publish]"),
        "utf-8",
    )
    for _ in range(2):
        night = run(shop, "refresh")
        output = " ".join(night.stderr.split())
        assert night.returncode == 1, output
        assert "Refresh ended, and needs your attention" in night.stdout
        assert "1 picture could not be drawn" in output
        assert "given up: sku-1 refreshed" in output
        assert "catalog-gen retry" in output
    status = " ".join(run(shop, "status").stdout.split())
    assert "given up: sku-1 refreshed" in status
    unknown = run(shop, "retry", "sku-2")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "sku-2" in unknown.stderr

    save_photo(shop, "one.png", 90)
    again = run(shop, "retry", "--given-up", "sku-1", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["images"]["generated"] == 1
    nothing = run(shop, "retry")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "Nothing is failed or given up" in nothing.stderr
    listed = json.loads(run(shop, "runs", "--json").stdout)["runs"]
    assert [(each["job"], each["status"], each["launched_by"]) for each in listed] == [
        ("retry_failed", "succeeded", "command line"),
        ("nightly_refresh", "succeeded", "command line"),
        ("nightly_refresh", "succeeded", "command line"),
    ]
    log = run(shop, "runs", listed[0]["run_id"][:8]).stdout
    assert "draw: 1 of 1" in " ".join(log.split())


def test_dagster_shows_product_view_shard_error_and_remedy(tmp_path: Path) -> None:
    from assets_defs.launch import dagster_instance

    shop = with_photos(tmp_path)
    with dagster_instance(shop.home) as instance:
        night = shop.refresh(instance)
        checks = instance.all_logs(night.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        stored = instance.all_logs(night.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        assert night.is_success
        assert failed_shards(instance) == {f"{shard_of('sku-1'):02d}"}
        mark, _ = instance.get_runs()
        assert mark.status is dg.DagsterRunStatus.FAILURE
        (said,) = instance.all_logs(mark.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert "sku-1 refreshed" in said.message
        assert "Convert it to JPEG or PNG" in said.message
    (check,) = [
        event.dagster_event.asset_check_evaluation_data
        for event in checks
        if event.dagster_event
        and event.dagster_event.asset_check_evaluation_data.check_name == "all_drawn"
    ]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert f"shard {shard_of('sku-1'):02d}" in str(check.description)
    failures = check.metadata["failures"]
    assert isinstance(failures, dg.TableMetadataValue)
    (row,) = failures.records
    assert row.data["product"] == "sku-1"
    assert row.data["view"] == "refreshed"
    assert row.data["shard"] == f"{shard_of('sku-1'):02d}"
    assert "one.png" in str(row.data["error"])
    assert row.data["what to do"]
    failed = {
        event.dagster_event.partition: materialized.metadata["failed"].value
        for event in stored
        if event.dagster_event
        and event.dagster_event.partition
        and (materialized := event.asset_materialization)
        and "failed" in materialized.metadata
    }
    assert len(failed) == 16
    assert {key: count for key, count in failed.items() if count} == {f"{shard_of('sku-1'):02d}": 1}


def failed_shards(instance: dg.DagsterInstance) -> set[str]:
    """The shards of candidate_images that Dagster's page shows in red."""
    status = instance.get_status_by_partition(dg.AssetKey("candidate_images"), SHARD_KEYS, shards)
    assert status is not None
    assert set(status) == set(SHARD_KEYS)
    return {key for key, found in status.items() if found is dg.AssetPartitionStatus.FAILED}


@pytest.mark.slow
def test_a_night_does_not_retry_given_up_pictures(tmp_path: Path) -> None:
    from assets_defs.launch import dagster_instance

    shop = with_photos(tmp_path)
    shop.night("first")
    with shop.catalog.store.writing() as connection:
        connection.execute("UPDATE ledger SET status = 'given up', tries = 3 WHERE error <> ''")
    with dagster_instance(shop.home) as instance:
        assert shop.refresh(instance).is_success
        assert shop.query("SELECT tries FROM ledger WHERE status = 'given up'") == [(3,)]
        assert failed_shards(instance) == {f"{shard_of('sku-1'):02d}"}


@pytest.mark.slow
def test_materialising_one_shard_draws_exactly_its_failures(tmp_path: Path) -> None:
    from assets_defs.launch import dagster_instance

    shop = with_photos(tmp_path)
    with dagster_instance(shop.home) as instance:
        assert shop.refresh(instance).is_success
        assert failed_shards(instance) == {f"{shard_of('sku-1'):02d}"}
        save_photo(shop, "one.png", 90)
        from assets_defs.definitions import defs

        again = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("candidate_images")],
            partition_key=f"{shard_of('sku-1'):02d}",
        )
        assert failed_shards(instance) == set()
    assert again.success
    images = shop.query(f"SELECT count(*) FROM images WHERE run_id = '{again.run_id}'")
    assert images == [(1,)]
    assert ("sku-1", "refreshed") in drawn_for(shop)
    assert shop.query("SELECT status FROM runs ORDER BY seq") == [("succeeded",), ("succeeded",)]


def failure(product_id: str, error: str, status: str = "failed") -> OpenFailure:
    recipe, look = f"recipe of {product_id}", f"look of {product_id}"
    return OpenFailure(
        product_id, "packshot", 0, status, 1, error, recipe, 0, look, (product_id,), (0,)
    )


def test_equal_reasons_are_reported_once_with_all_products() -> None:
    groups = grouped(
        [
            failure("sku-1", "a.png: is no picture. Replace it."),
            failure("sku-2", "it took too long"),
            failure("sku-3", "b.png: is no picture. Replace it.", "given up"),
        ]
    )
    assert [(each.count, each.rule, each.remedy, each.values) for each in groups] == [
        (2, "is no picture", "Replace it.", ("a.png", "b.png")),
        (1, "it took too long", "", ()),
    ]
    assert [each.given_up for each in groups[0].failed] == [False, True]


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        ("a: b. C. D.", ("a", "b", "C. D.")),
        ("no colon here", ("", "no colon here", "")),
        ("a: b", ("a", "b", "")),
    ],
)
def test_an_error_is_taken_apart_as_it_was_joined(error: str, parts: tuple[str, str, str]) -> None:
    assert parts_of(error) == parts
