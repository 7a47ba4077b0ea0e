"""A night on Ray workers: the bytes and scores of one machine, whoever dies."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog_gen.fingerprint import SHARDS
from catalog_gen.planning import NO_LIMIT
from catalog_gen.progress import Progress, reporting_to
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.lessons import learn_concepts
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.reproduce import reproduce
from catalog_gen.stages.scores import score_images
from resources.diffusion import RayPipelineResource
from resources.scorer import RayScorerResource
from tests.pipeline.shop import Shop, open_shop
from tests.pipeline.taught import teaching_shop

ray = pytest.importorskip("ray")

PRODUCTS = 8
PICTURES = 2 * PRODUCTS
IMAGES = "SELECT image_id, sha256 FROM images"
SCORES = "SELECT image_id, similarity, margin, embedding::FLOAT[]::VARCHAR, signals FROM scores"
SHARED = range(SHARDS)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    """One for all tests of the module: it takes seconds to start."""
    import torch

    from resources.ray_cluster import connect

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    connect()
    yield
    ray.shutdown()
    torch.set_num_threads(before)


def planned(folder: Path, settings: str) -> Shop:
    """A shop whose prompts are written."""
    folder.mkdir()
    shop = open_shop(folder)
    shop.config.write_text(f"{shop.config.read_text('utf-8')}\n[ray]\n{settings}\n", "utf-8")
    shop.write_feed(
        {f"sku-{n}": (f"Mug {n}", "mug", f"red {n}", "9.00 EUR") for n in range(PRODUCTS)}
    )
    stamp = Stamp.at_once("plan")
    record_products(shop.catalog, take_feed(shop.catalog), stamp)
    write_prompts(shop.catalog, SHARED, stamp, budget=NO_LIMIT)
    return shop


def test_two_workers_draw_the_night_of_one_machine_though_one_is_killed(tmp_path: Path) -> None:
    one = planned(tmp_path / "one", "")
    draw_missing(one.catalog, lambda: one.engine, SHARED, Stamp.at_once("one"))
    two = planned(tmp_path / "two", "max_workers = 2")
    pool = RayPipelineResource().engine(two.catalog, "two")
    shown: list[Progress] = []
    killed: list[int] = []

    def follow(progress: Progress) -> None:
        shown.append(progress)
        if progress.done == 3 and not killed:
            killed.append(pool.pids[0])
            os.kill(killed[0], signal.SIGKILL)

    with reporting_to(follow):
        drawn = draw_missing(two.catalog, lambda: pool, SHARED, Stamp.at_once("two"))
    assert killed
    assert (drawn.generated, drawn.failed) == (PICTURES, 0)
    assert [each.done for each in shown] == list(range(PICTURES + 1))
    assert drawn.workers.total() == PICTURES
    assert sorted(two.query(IMAGES)) == sorted(one.query(IMAGES))
    assert two.query("SELECT DISTINCT status, tries FROM ledger") == [("made", 1)]
    assert two.query("SELECT DISTINCT run_id FROM images") == [("two",)]

    elsewhere = RayScorerResource().elsewhere(two.catalog)
    score_images(two.catalog, two.scorer, SHARED, Stamp.at_once("two"), elsewhere)
    score_images(one.catalog, one.scorer, SHARED, Stamp.at_once("one"))
    assert sorted(two.query(SCORES)) == sorted(one.query(SCORES))


def test_workers_draw_with_what_was_learned(tmp_path: Path) -> None:
    shop = teaching_shop(tmp_path)
    stamp = Stamp.at_once("ray")
    record_products(shop.catalog, take_feed(shop.catalog), stamp)
    resource = RayPipelineResource()
    learn_concepts(shop.catalog, lambda: resource.model(shop.catalog), stamp, budget=NO_LIMIT)
    write_prompts(shop.catalog, SHARED, stamp, budget=NO_LIMIT)
    pool = resource.engine(shop.catalog, "ray")
    drawn = draw_missing(shop.catalog, lambda: pool, SHARED, stamp)
    assert (drawn.generated, drawn.failed) == (10, 0)
    ids = [str(row[0]) for row in shop.query("SELECT image_id FROM lineage WHERE view = 'owned'")]
    assert [each.result for each in reproduce(shop.catalog, ids)] == ["identical"] * 4
