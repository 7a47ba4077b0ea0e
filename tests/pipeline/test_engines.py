"""A night on two devices: the pictures of one, one bar, and a kill that loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog_gen.diffusion.engines import Engines
from catalog_gen.fingerprint import SHARDS
from catalog_gen.planning import NO_LIMIT
from catalog_gen.progress import Progress, reporting_to
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.store.drawing_lock import drawing_process
from resources.diffusion import DiffusionPipelineResource
from tests.pipeline.shop import Shop, open_shop
from tests.processes import runs

pytestmark = pytest.mark.slow

PRODUCTS = 8
PICTURES = 2 * PRODUCTS
IMAGES = "SELECT image_id, sha256 FROM images"
SHARED = range(SHARDS)

DRAW = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.pipeline.test_engines import SHARED, Engines, Shop, Stamp, draw_missing
catalog = Shop(Path(sys.argv[1])).catalog
engines = Engines(catalog.settings.model)
engines.start()
print(*engines.pids, flush=True)
draw_missing(catalog, lambda: engines, SHARED, Stamp.at_once("killed"))
"""


def planned(folder: Path, steps: int = 2) -> Shop:
    """A shop on two devices whose prompts are written."""
    folder.mkdir()
    shop = open_shop(folder)
    text = shop.config.read_text("utf-8").replace("steps = 2", f"steps = {steps}")
    text = text.replace("batch_size = 2\n", 'batch_size = 2\ndevices = ["cpu", "cpu"]\n', 1)
    shop.config.write_text(text, "utf-8")
    shop.write_feed(
        {f"sku-{n}": (f"Mug {n}", "mug", f"red {n}", "9.00 EUR") for n in range(PRODUCTS)}
    )
    stamp = Stamp.at_once("plan")
    record_products(shop.catalog, take_feed(shop.catalog), stamp)
    write_prompts(shop.catalog, SHARED, stamp, budget=NO_LIMIT)
    return shop


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_engines_draw_a_night_as_one_does(tmp_path: Path) -> None:
    one, two = planned(tmp_path / "one"), planned(tmp_path / "two")
    draw_missing(one.catalog, lambda: one.engine, SHARED, Stamp.at_once("one"))
    engines = DiffusionPipelineResource().engine(two.catalog, "two")
    assert isinstance(engines, Engines)
    shown: list[Progress] = []
    killed = -1

    def follow(progress: Progress) -> None:
        nonlocal killed
        shown.append(progress)
        if progress.done == 3 and killed < 0:
            killed = int(engines.pids[0] or 0)
            os.kill(killed, signal.SIGKILL)

    with reporting_to(follow):
        drawn = draw_missing(two.catalog, lambda: engines, SHARED, Stamp.at_once("two"))
    engines.close()
    assert killed > 0
    assert (drawn.generated, drawn.failed) == (PICTURES, 0)
    assert [each.done for each in shown] == list(range(PICTURES + 1))
    assert {each.total for each in shown} == {PICTURES}
    assert sorted(two.query(IMAGES)) == sorted(one.query(IMAGES))
    assert two.query("SELECT DISTINCT status, tries FROM ledger") == [("made", 1)]


def test_an_owner_that_is_killed_loses_no_acknowledged_picture_and_leaves_no_engine(
    tmp_path: Path,
) -> None:
    shop = planned(tmp_path / "shop", steps=40)
    owner = subprocess.Popen(
        [sys.executable, "-c", DRAW, str(shop.folder)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    engines = [int(pid) for pid in owner.stdout.readline().split()]
    while len(shop.catalog.outbox.pending()) < 2:
        assert owner.poll() is None
        time.sleep(0.01)
    owner.kill()
    owner.communicate()
    acknowledged = {path.name for path in shop.catalog.outbox.pending()}
    assert 2 <= len(acknowledged) < PICTURES // 2
    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in engines):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert drawing_process(shop.home) is None
    draw_missing(shop.catalog, lambda: shop.engine, SHARED, Stamp.at_once("after"))
    rows = shop.query("SELECT batch, count(*) FROM images GROUP BY batch")
    assert acknowledged <= {str(batch) for batch, _ in rows}
    assert len(shop.query(IMAGES)) == PICTURES
    assert shop.query("SELECT DISTINCT status, tries FROM ledger") == [("made", 1)]
