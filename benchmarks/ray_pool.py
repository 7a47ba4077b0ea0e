"""Two Ray workers against two processes by hand: pictures per second, and the bytes of both.

All four load a miniature Stable Diffusion and draw on one thread each. By hand, each of the two
processes gets every second batch at once; Ray's workers are given one planned batch at a time. Both
write to an outbox. Loading is not measured; the rounds take turns.

    python benchmarks/ray_pool.py [--pictures N] [--rounds N] [--json]
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.printing import print_figures  # noqa: E402

from catalog_gen.diffusion.engine_process import Setup  # noqa: E402
from catalog_gen.diffusion.jobs import DrawJob  # noqa: E402
from catalog_gen.home import Home  # noqa: E402
from catalog_gen.settings.model import ModelSettings  # noqa: E402
from catalog_gen.settings.workers import RaySettings  # noqa: E402
from resources.ray_pool import RayPool  # noqa: E402
from resources.ray_workers import DrawingOrders  # noqa: E402

WORKERS: Final = 2
BATCH: Final = 4
ASKED: Final = 0.95


def main() -> None:
    """Measure and print; exit code 1 if the bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.pictures, arguments.rounds)
    print_figures(figures, as_json=arguments.json)
    sys.exit(not figures["bytes_equal"])


def measure(folder: Path, pictures: int, rounds: int) -> dict[str, Any]:
    """Draw the same plan by both, in turns."""
    from tests.tiny_models import tiny_sd

    settings = ModelSettings(id=str(tiny_sd(folder / "model")), device="cpu", batch_size=BATCH)
    setup = Setup(settings, "cpu", None, 1)
    by_hand = ByHand(setup, folder / "hand")
    try:
        jobs = _jobs(by_hand.model_hash, pictures)
        pool = _Lasting(RaySettings(min_workers=WORKERS, max_workers=WORKERS), setup, folder)
        pool.warm_up(_jobs(by_hand.model_hash, 8 * BATCH, first=pictures))
        hand, ray = [], []
        for number in range(rounds):
            hand.append(by_hand.draw(jobs))
            started = perf_counter()
            drawn = sum(1 for _ in pool.draw(jobs))
            ray.append(perf_counter() - started)
            print(f"round {number}: {hand[-1]:.1f} s by hand, {ray[-1]:.1f} s Ray", file=sys.stderr)
        one, other = _bytes_in(folder / "hand"), _bytes_in(folder / "ray")
        equal = all(one[job.recipe_id] == other[job.recipe_id] for job in jobs)
    finally:
        by_hand.close()
    return {
        "pictures": drawn,
        "rounds": rounds,
        "by_hand_per_second": round(pictures / min(hand), 2),
        "ray_per_second": round(pictures / min(ray), 2),
        "ratio_of_best": round(min(hand) / min(ray), 3),
        "ratio_of_sums": round(sum(hand) / sum(ray), 3),
        "asked": ASKED,
        "bytes_equal": equal,
    }


class _Lasting(RayPool):
    """A pool that keeps its workers between two plans, so that loading is not measured."""

    def __init__(self, settings: RaySettings, setup: Setup, folder: Path) -> None:
        orders = DrawingOrders(setup, Home(folder), str(folder / "ray"), "benchmark")
        super().__init__(settings, orders, lambda _: ())

    def close(self) -> None:
        """Not yet: Ray ends them with this process."""

    def warm_up(self, jobs: Sequence[DrawJob]) -> None:
        """Load all workers."""
        while len(self.pids) < WORKERS:
            for _ in self.draw(jobs):
                pass


class ByHand:
    """Two processes with an engine each."""

    def __init__(self, setup: Setup, outbox: Path) -> None:
        context = get_context("spawn")
        self._connections: list[Connection[Any, Any]] = []
        self._processes = []
        for _ in range(WORKERS):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(setup, outbox, theirs), daemon=True)
            process.start()
            self._connections.append(ours)
            self._processes.append(process)
        (self.model_hash, *_) = [each.recv() for each in self._connections]

    def draw(self, jobs: Sequence[DrawJob]) -> float:
        """Seconds until both have drawn every second batch."""
        started = perf_counter()
        for number, connection in enumerate(self._connections):
            mine = [job for place, job in enumerate(jobs) if place // BATCH % WORKERS == number]
            connection.send(mine)
        for connection in self._connections:
            connection.recv()
        return perf_counter() - started

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()


def _serve(setup: Setup, outbox: Path, owner: "Connection[Any, Any]") -> None:
    from catalog_gen.diffusion.engine_process import load_engine
    from catalog_gen.stages.outgoing import acknowledge
    from catalog_gen.store.outbox import Outbox

    engine = load_engine(setup)
    owner.send(engine.model.model_hash)
    while True:
        batch = []
        for outcome in engine.draw(owner.recv()):
            batch.append(outcome)
            if len(batch) == BATCH:
                acknowledge(Outbox(outbox), batch, engine.environment, "benchmark")
                batch = []
        acknowledge(Outbox(outbox), batch, engine.environment, "benchmark")
        owner.send(None)


def _jobs(model_hash: str, count: int, first: int = 0) -> list[DrawJob]:
    from catalog_gen.recipe import Recipe

    recipes = [
        Recipe.model_validate(
            {
                "method": "text2img",
                "model_hash": model_hash,
                "prompt": f"mug number {seed}",
                "negative_prompt": "",
                "seed": seed,
                "scheduler": "ddim",
                "steps": 20,
                "guidance": 3.0,
                "width": 64,
                "height": 64,
            }
        )
        for seed in range(first, first + count)
    ]
    return [DrawJob(recipe.recipe_id, recipe) for recipe in recipes]


def _bytes_in(outbox: Path) -> dict[str, str]:
    """The hash of each recipe's picture; of all rounds, whose bytes must be the same."""
    from catalog_gen.store.outbox_file import read_batch

    found: dict[str, str] = {}
    for path in outbox.glob("*.parquet"):
        rows = read_batch(path).rows
        for key, sha256 in zip(
            rows["recipe_id"].to_pylist(), rows["sha256"].to_pylist(), strict=True
        ):
            if found.setdefault(key, sha256) != sha256:
                raise RuntimeError(f"recipe {key} has two pictures")
    return found


if __name__ == "__main__":
    main()
