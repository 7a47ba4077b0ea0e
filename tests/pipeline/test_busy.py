"""Another process holds the database while pictures are drawn, or a second refresh is drawing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Outcome
from catalog_gen.errors import StoreBusyError
from catalog_gen.fingerprint import SHARDS
from catalog_gen.home import Home
from catalog_gen.planning import Budget
from catalog_gen.stages import images, takeover
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_lock, drawing_process
from catalog_gen.store.verify import verify
from tests.pipeline.shop import ROWS, Shop, open_shop

HOLDING = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


#: Draws, as far as others can tell, until it is killed.
DRAWING = """
import sys, time
from pathlib import Path
from catalog_gen.home import Home
from catalog_gen.store.drawing_lock import drawing_lock
with drawing_lock(Home(Path(sys.argv[1]))):
    print("drawing", flush=True)
    time.sleep(600)
"""


@contextmanager
def process(code: str, argument: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has printed its first line; it ends with the block at the latest."""
    command = [sys.executable, "-c", code, str(argument)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        try:
            yield started
        finally:
            started.kill()


def planned(shop: Shop, run_id: str) -> Stamp:
    """Run a night up to the drawing stage."""
    stamp = Stamp.at_once(run_id)
    record_products(shop.catalog, take_feed(shop.catalog), stamp)
    write_prompts(shop.catalog, range(SHARDS), stamp, budget=Budget())
    return stamp


def left_waiting(shop: Shop) -> None:
    """Draw a night whose end finds the database held: six pictures wait in the outbox."""
    catalog, stamp = shop.catalog, planned(shop, "held up")
    vars(catalog)["store"] = Store(shop.home, patience=0.3)
    with ExitStack() as held:

        def engine() -> Engine:
            """The work is known; from here on another process holds the database."""
            held.enter_context(process(HOLDING, shop.home.database))
            return shop.engine

        with pytest.raises(StoreBusyError):
            draw_missing(catalog, engine, range(SHARDS), stamp)


def test_drawing_goes_on_and_the_next_night_takes_the_pictures_over(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    catalog, stamp = shop.catalog, planned(shop, "held up")
    vars(catalog)["store"] = Store(shop.home, patience=0.3)
    with ExitStack() as held:
        holders: list[int] = []

        def engine() -> Engine:
            """The work is known; from here on another process holds the database."""
            holders.append(held.enter_context(process(HOLDING, shop.home.database)).pid)
            return shop.engine

        with pytest.raises(StoreBusyError) as refused:
            draw_missing(catalog, engine, range(SHARDS), stamp)
    assert f"process {holders[0]}" in str(refused.value)
    assert "3 outbox files wait" in str(refused.value)
    found = verify(catalog.store, catalog.outbox)
    assert (found.images, found.outbox_images, found.damaged) == (0, 6, ())

    # The next night takes them over, draws none again, and publishes.
    night = shop.night("next")
    assert (night["generated"], night["live"]) == (0, 3)
    assert shop.query("SELECT run_id, count(*) FROM images GROUP BY ALL") == [("held up", 6)]
    assert catalog.outbox.pending() == []


def test_a_database_locked_during_a_run_does_not_stop_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(tmp_path)
    catalog, stamp = shop.catalog, planned(shop, "held in between")
    monkeypatch.setattr(images, "INGEST_EVERY", 2)
    monkeypatch.setattr(takeover, "BRIEF", 0.1)
    draw = Engine.draw

    def held_meanwhile(engine: Engine, jobs: Sequence[DrawJob]) -> Iterator[Outcome]:
        """Pictures one to five are drawn while another process holds the database."""
        with process(HOLDING, shop.home.database) as holder:
            holders.append(holder.pid)
            outcomes = draw(engine, jobs)
            yield from islice(outcomes, 5)
            time.sleep(1)  # ingestion has a thread of its own, and gives up meanwhile
        yield from outcomes

    holders: list[int] = []
    monkeypatch.setattr(Engine, "draw", held_meanwhile)
    drawn = draw_missing(catalog, lambda: shop.engine, range(SHARDS), stamp)
    assert (drawn.generated, drawn.failed) == (6, 0)
    assert f"process {holders[0]}" in drawn.held_up
    assert shop.query("SELECT count(*) FROM images") == [(6,)]
    assert catalog.outbox.pending() == []


def test_pictures_that_wait_cost_no_budget(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    left_waiting(shop)
    shop.write_feed(ROWS | {"sku-2": ("Blue Mug", "mug", "green", "9.00 EUR")})
    night = shop.night("with a budget", budget=2)
    assert (night["planned"], night["generated"], night["deferred"]) == (2, 2, 0)
    assert shop.query("SELECT count(*) FROM images") == [(8,)]


def test_work_is_not_read_while_pictures_wait(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    left_waiting(shop)
    catalog = shop.catalog
    vars(catalog)["store"] = Store(shop.home, patience=0.3)
    with process(HOLDING, shop.home.database) as holder:
        with pytest.raises(StoreBusyError, match=f"process {holder.pid} .*outbox files wait"):
            draw_missing(catalog, lambda: shop.engine, range(SHARDS), Stamp.at_once("too early"))
        holder.kill()
    drawn = draw_missing(catalog, lambda: shop.engine, range(SHARDS), Stamp.at_once("later"))
    assert drawn.generated == 0
    assert shop.query("SELECT count(*) FROM images") == [(6,)]


def test_a_dead_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with process(DRAWING, tmp_path) as other:
        assert drawing_process(home) == str(other.pid)
        with (
            pytest.raises(StoreBusyError, match=f"process {other.pid} is drawing"),
            drawing_lock(home, wait=False),
        ):
            pass
        other.kill()
        other.wait()
        assert drawing_process(home) is None
        with drawing_lock(home, wait=False):
            assert drawing_process(home) == str(os.getpid())
