"""The nightly job, run for real through Dagster: what is drawn, what is not, and why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from assets_defs.launch import dagster_instance, failure_of
from catalog_gen.store.runs import run_summary
from tests.pipeline.shop import ROWS, Shop, open_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return open_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def instance(shop: Shop) -> Iterator[DagsterInstance]:
    with dagster_instance(shop.home) as opened:
        yield opened


def summary_of_refresh(shop: Shop, instance: DagsterInstance, **options: object) -> dict[str, dict]:  # type: ignore[type-arg]
    run = shop.refresh(instance, **options)
    assert run.status == DagsterRunStatus.SUCCESS, failure_of(instance, run.run_id)
    with shop.catalog.store.reading() as connection:
        return run_summary(connection, run.run_id)


def test_nights_follow_each_other(shop: Shop, instance: DagsterInstance) -> None:
    """One story, told night by night, because each night depends on the one before."""
    # The first night draws everything: three products, two candidates each.
    first = summary_of_refresh(shop, instance)
    assert first["images"] == {
        "planned": 6,
        "reused": 0,
        "deferred": 0,
        "generated": 6,
        "failed": 0,
    }
    assert first["published"] == {"products": 3, "coverage": 1.0}
    assert shop.query("SELECT DISTINCT reason FROM ledger") == [("new",)]
    assert (shop.home.site / "index.html").is_file()
    assert (shop.home.snapshots / "latest.duckdb").exists()

    # Nothing changed: nothing is drawn, nothing is published anew.
    second = summary_of_refresh(shop, instance)
    assert second["images"]["generated"] == 0
    assert second["images"]["planned"] == 0
    assert shop.query("SELECT count(*) FROM publications") == [(1,)]

    # A new price draws nothing; a new colour redraws one product and says so.
    shop.write_feed(
        ROWS
        | {
            "sku-1": ("Red Mug", "mug", "red", "5.00 EUR"),
            "sku-2": ("Blue Mug", "mug", "green", "9.00 EUR"),
        }
    )
    third = summary_of_refresh(shop, instance)
    assert third["products"]["changed"] == 2
    assert third["images"]["generated"] == 2
    assert shop.query("SELECT DISTINCT product_id, reason FROM ledger WHERE reason <> 'new'") == [
        ("sku-2", "changed: colour")
    ]

    # Back to the old colour: the old pictures are live again, and nothing is drawn.
    shop.write_feed(ROWS)
    fourth = summary_of_refresh(shop, instance)
    assert fourth["images"]["generated"] == 0
    assert fourth["images"]["reused"] == 2

    # A product leaves: it is retired and no longer live; its pictures stay explained.
    shop.write_feed({key: row for key, row in ROWS.items() if key != "sku-3"})
    with pytest.raises(AssertionError, match="shrink"):
        summary_of_refresh(shop, instance)  # a third of the feed is more than the guard allows
    assert shop.query("SELECT count(*) FROM products WHERE retired_at IS NULL") == [(3,)]


def test_a_budget_defers_and_a_later_night_catches_up(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    with dagster_instance(shop.home) as instance:
        first = summary_of_refresh(shop, instance, budget=2)
        assert first["images"]["generated"] == 2
        assert first["images"]["deferred"] == 4
        second = summary_of_refresh(shop, instance)
        assert second["images"]["generated"] == 4
        assert shop.query("SELECT count(*) FROM images") == [(6,)]


def test_stored_bytes_hash_to_their_address(shop: Shop) -> None:
    from hashlib import sha256

    rows = shop.query("SELECT sha256, bytes FROM image_bytes")
    assert rows
    assert all(sha256(content).hexdigest() == address for address, content in rows)  # type: ignore[arg-type]


def test_a_failed_run_is_told_in_the_store_too(shop: Shop) -> None:
    assert shop.query("SELECT status, count(*) FROM runs GROUP BY status ORDER BY status") == [
        ("failed", 1),
        ("succeeded", 4),
    ]
