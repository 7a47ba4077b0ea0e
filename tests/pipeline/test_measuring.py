"""Pictures are measured while others are drawn, with the same values as in the scoring stage."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Outcome
from catalog_gen.fingerprint import SHARDS
from catalog_gen.judging.beside import Beside, Task
from catalog_gen.judging.measurement import measure
from catalog_gen.judging.picture import Asked
from catalog_gen.planning import NO_LIMIT
from catalog_gen.recipe import Environment
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.scores import score_images
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.processes import runs

LETTERING = Path(__file__).parents[2] / "data" / "models" / "lettering.safetensors"


@dataclass
class OnAGpu:
    """The tiny engine, declared to draw on a GPU so that pictures are measured meanwhile."""

    engine: Engine
    batch_size: int = 2
    delivers: bool = False

    @property
    def environment(self) -> Environment:
        return self.engine.environment.model_copy(update={"device": "a GPU"})

    def draw(self, jobs: list[DrawJob]) -> Iterator[Outcome]:
        yield from self.engine.draw(jobs)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("catalog_gen.stages.measuring.WORTH_IT", 1)
    shop = open_shop(tmp_path)
    text = shop.config.read_text("utf-8")
    shop.config.write_text(f'lettering = "{LETTERING}"\n{text}', "utf-8")
    return shop


SCORES = "SELECT image_id, signals, device FROM scores ORDER BY image_id"


@pytest.mark.slow
def test_measurements_while_drawing_equal_those_while_scoring(shop: Shop) -> None:
    catalog, stamp, shards = shop.catalog, Stamp.at_once("one"), range(SHARDS)
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, shards, stamp, budget=NO_LIMIT)
    drawn = draw_missing(catalog, lambda: OnAGpu(shop.engine), shards, stamp)
    assert drawn.generated == 6
    measured = shop.query("SELECT image_id, signals FROM measurements ORDER BY image_id")
    assert len(measured) == 6
    score_images(catalog, shop.scorer, shards, stamp)
    assert shop.query("SELECT count(*) FROM measurements") == [(0,)]
    first = shop.query(SCORES)
    assert {device for *_, device in first} == {"cpu"}
    with catalog.store.writing() as connection:
        connection.execute("DELETE FROM scores")
    score_images(catalog, shop.scorer, shards, stamp)
    assert shop.query(SCORES) == first


@pytest.mark.slow
def test_measurements_against_something_else_are_repeated(shop: Shop) -> None:
    catalog, stamp, shards = shop.catalog, Stamp.at_once("one"), range(SHARDS)
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, shards, stamp, budget=NO_LIMIT)
    draw_missing(catalog, lambda: OnAGpu(shop.engine), shards, stamp)
    with catalog.store.writing() as connection:
        connection.execute(
            "UPDATE measurements SET signals = replace(signals, '\"area\"', '\"other\"')"
        )
        connection.execute(
            "UPDATE measurements SET against = '{}' WHERE image_id = "
            "(SELECT min(image_id) FROM measurements)"
        )
    score_images(catalog, shop.scorer, shards, stamp)
    kept = [('"other"' in str(signals)) for _, signals, _ in shop.query(SCORES)]
    assert kept == [False, True, True, True, True, True]
    assert len(ROWS) == 3


def _pictures(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [generator.integers(0, 256, (40, 32, 3)).astype(np.uint8) for _ in range(count)]


def test_other_processes_measure_the_same() -> None:
    beside = Beside(None)
    pictures = _pictures(3)
    try:
        for number, pixels in enumerate(pictures):
            assert beside.hand_over(Task(str(number), Asked("red")), pixels)
        found = {task.image_id: signals for task, signals in beside.finished(wait=True)}
    finally:
        beside.close()
    assert found == {
        str(number): measure(pixels, asked=Asked("red")) for number, pixels in enumerate(pictures)
    }


def test_processes_that_die_cost_nothing_but_time() -> None:
    beside = Beside(None)
    (pixels,) = _pictures(1)
    try:
        assert beside.hand_over(Task("first", Asked()), pixels)
        assert len(list(beside.finished(wait=True))) == 1
        assert beside._pool is not None
        for process in beside._pool._processes.values():
            os.kill(process.pid or 0, 9)
        handed = [beside.hand_over(Task("second", Asked()), pixels)]
        assert list(beside.finished(wait=True)) == []
        handed.append(beside.hand_over(Task("third", Asked()), pixels))
        assert handed[-1] is False
    finally:
        beside.close()


MEASURE = """
import sys
import numpy as np
from catalog_gen.judging.beside import Beside, Task
from catalog_gen.judging.picture import Asked

if __name__ == "__main__":
    beside = Beside(None)
    beside.hand_over(Task("one", Asked("red", 1)), np.full((64, 64, 3), 255, np.uint8))
    assert len(list(beside.finished(wait=True))) == 1
    print(*beside._pool._processes, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_processes_that_measure_end_with_a_killed_owner(tmp_path: Path) -> None:
    script = tmp_path / "measure.py"
    script.write_text(MEASURE, "utf-8")
    owner = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert pids
    assert all(runs(pid) for pid in pids)
    owner.kill()
    owner.communicate()
    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
