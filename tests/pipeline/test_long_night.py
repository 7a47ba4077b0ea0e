"""Many nights in one process: no files stay open, nothing waits, nothing keeps growing.

``benchmarks/long_night.py`` does the same with ten thousand pictures in one night.
"""

import gc
from pathlib import Path

import pytest

from benchmarks.long_night import Sample, Watch, sample
from catalog_gen.progress import reporting_to
from tests.pipeline.shop import open_shop

pytestmark = pytest.mark.slow


def test_nights_leave_no_files_threads_or_waiting_pictures_behind(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    watch = Watch()
    samples: list[Sample] = []
    for night in range(4):
        colours = ("red", "blue", "green", "black")
        rows = {
            f"sku-{night}-{number}": (f"Mug {number}", "mug", colours[night], "9.00 EUR")
            for number in range(6)
        }
        shop.write_feed(rows)
        text = shop.config.read_text("utf-8")
        if "shrink_limit" not in text:
            shop.config.write_text(text.replace("[feed]", "[feed]\nshrink_limit = 1.0"), "utf-8")
        with reporting_to(watch):
            drawn = shop.night(f"night {night}")
        assert (drawn["generated"], drawn["failed"], drawn["live"]) == (12, 0, 6)
        gc.collect()
        samples.append(sample("night", 10))
    assert [path for path in shop.home.outbox.rglob("*") if path.is_file()] == []
    warm, *later = samples
    assert {each.files for each in later} == {warm.files}
    assert {each.threads for each in later} == {warm.threads}
    assert {each.stage for each in watch.samples} == {"draw", "score", "judge"}
