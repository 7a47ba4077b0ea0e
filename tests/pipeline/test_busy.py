"""A forgotten notebook holds the database while pictures are drawn."""

import subprocess
import sys
from pathlib import Path

import pytest

from catalog_gen.diffusion.engine import Engine
from catalog_gen.errors import StoreBusyError
from catalog_gen.fingerprint import SHARDS
from catalog_gen.planning import Budget
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.store.audit import audit
from catalog_gen.store.connection import Store
from tests.pipeline.shop import open_shop

HOLDING = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_drawing_goes_on_and_the_next_night_takes_the_pictures_over(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    catalog, stamp, shards = shop.catalog, Stamp.at_once("held up"), range(SHARDS)
    vars(catalog)["store"] = Store(shop.home, patience=0.3)
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, shards, stamp, budget=Budget())
    holders: list[subprocess.Popen[str]] = []

    def engine() -> Engine:
        """The work is known; from here on another process holds the database."""
        command = [sys.executable, "-c", HOLDING, str(shop.home.database)]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return shop.engine

    try:
        with pytest.raises(StoreBusyError) as told:
            draw_missing(catalog, engine, shards, stamp)
    finally:
        for holder in holders:
            holder.communicate()
    assert f"process {holders[0].pid}" in str(told.value)
    found = audit(catalog.store, catalog.outbox)
    assert (found.images, found.outbox_images, found.damaged) == (0, 6, ())

    # The next night takes them over, draws none again, and publishes.
    night = shop.night("next")
    assert (night["generated"], night["live"]) == (0, 3)
    assert shop.query("SELECT run_id, count(*) FROM images GROUP BY ALL") == [("held up", 6)]
    assert catalog.outbox.pending() == []
