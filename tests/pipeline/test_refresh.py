"""The nightly job through Dagster: recorded, published, and honest about failure."""

from pathlib import Path

from assets_defs.launch import dagster_instance, failure_of
from catalog_gen.store.runs import run_summary
from tests.pipeline.shop import Shop, open_shop


def test_a_night_ends_with_pictures_page_and_snapshot(refreshed: Shop) -> None:
    assert refreshed.query("SELECT status, count(*) FROM ledger GROUP BY ALL") == [("made", 6)]
    ((run_id, status),) = refreshed.query("SELECT run_id, status FROM runs")
    assert status == "succeeded"
    with refreshed.catalog.store.reading() as connection:
        summary = run_summary(connection, str(run_id))
    assert summary["images"] == {
        "planned": 6,
        "reused": 0,
        "deferred": 0,
        "generated": 6,
        "failed": 0,
    }
    assert summary["published"] == {"products": 3, "coverage": 1.0}
    ((device,),) = refreshed.query("SELECT DISTINCT environment ->> 'device' FROM environments")
    assert summary["drawing"] == {"device": device}
    assert (refreshed.home.site / "index.html").is_file()
    assert (refreshed.home.site / "feeds" / "google.csv").is_file()
    assert (refreshed.home.snapshots / "latest.duckdb").exists()
    assert list(refreshed.home.outbox.glob("*.parquet")) == []


def test_a_failed_run_is_recorded_with_its_reason(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    (shop.folder / "feed.csv").write_text("colour,price\nred,9.00 EUR\n", "utf-8")
    with dagster_instance(shop.home) as instance:
        run = shop.refresh(instance)
        assert not run.is_success
        failure = failure_of(instance, run.run_id)
    assert failure.kind == "FeedError"
    assert "feed.csv" in failure.message
    assert shop.query("SELECT status FROM runs") == [("failed",)]
