"""The share of a night that is not drawing, beside a GPU of a given pace.

    python benchmarks/night.py [--side 512 1024] [--pace 9 60] [--pictures N] [--against FOLDER]
        [--json]
    python benchmarks/night.py --steps 2 [--side 512] [--pictures 2] ...

An engine delivers ready pictures at 9 (SD 1.5 on one H100) and 60 a second (a 4-step model). All
else is real: encoding, the outbox, the database, measuring, CLIP, lettering and verdicts. The share
is that of the time from the first batch to the last verdict that the pictures alone would not have
taken. On two cores, processor time says more, and it is given for each picture: until the last
picture is drawn, of this process, of its thread that takes pictures from the GPU, and of the
processes beside it; then of ending the stage (what waits goes into the database); then of scoring
and judging. For 16 cores follows the least share that these allow: while the GPU draws, the taking
thread has a core and eight processes stand beside it; the stage ends on one core; the rest has all
cores. CLIP is on the processor here; on a GPU's machine it is not.

With ``--steps`` the pictures are drawn, by the processor, in so many steps and with guidance, by a
pipeline in the shape of Stable Diffusion 1.5 with random weights: at 512 pixels two steps take
about 6 TFLOP a picture. What is not drawing is then the rest of the clock.

``--against`` measures another checkout of this project in the same run, each in a process of its
own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from rig.steps import children_seconds

ROOT: Final = Path(__file__).resolve().parent.parent
#: Cores of the machine that is asked for.
CORES: Final = 16
#: Of them, those that measure while the GPU draws (``judging.beside.MOST_WORKERS``).
WORKERS: Final = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--pace", type=float, nargs="+", default=[9.0, 60.0])
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    pictures = arguments.pictures or (2 if arguments.steps else 240)
    if arguments.one:
        (side,), (pace,) = arguments.side, arguments.pace
        print(json.dumps(measure(side, pace, pictures, arguments.steps)))
        return
    rows = []
    checkouts = {"here": ROOT} | ({"against": arguments.against} if arguments.against else {})
    for side in arguments.side:
        for pace in [0.0] if arguments.steps else arguments.pace:
            for name, checkout in checkouts.items():
                figures = _alone(checkout, side, pace, pictures, arguments.steps)
                rows.append({"checkout": name} | figures)
                if not arguments.json:
                    print((_drawn_line if arguments.steps else _line)(rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=2))


def _alone(checkout: Path, side: int, pace: float, pictures: int, steps: int) -> dict[str, Any]:
    """One night in a process of its own, with the packages of a checkout."""
    command = [sys.executable, __file__, "--one", "--side", str(side), "--pace", str(pace)]
    done = subprocess.run(
        [*command, "--pictures", str(pictures), "--steps", str(steps)],
        env=os.environ | {"PYTHONPATH": str(checkout.resolve()), "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['checkout']:<8} {row['side']:>5} px at {row['pace']:>4g}/s: "
        f"{row['not_drawing']:6.1%} is not drawing (GPU stood still {row['stood_still']:.1f} s, "
        f"after it {row['after']:.1f} s of {row['seconds']:.1f}); ms of processor a picture: "
        f"{row['own_ms']:.0f} here ({row['taking_ms']:.0f} to take them) and "
        f"{row['beside_ms']:.0f} beside it while the GPU draws, {row['ending_ms']:.0f} to end, "
        f"{row['after_ms']:.0f} after; at least {row['not_drawing_16']:.1%} on {CORES} cores"
    )


def _drawn_line(row: dict[str, Any]) -> str:
    return (
        f"{row['checkout']:<8} {row['side']:>5} px, {row['steps']} steps drawn: "
        f"{row['drawing'] / row['pictures']:.1f} s a picture of {row['seconds']:.1f} s; "
        f"{row['not_drawing']:.2%} is not drawing"
    )


def measure(side: int, pace: float, pictures: int, steps: int = 0) -> dict[str, Any]:
    """A night of so many pictures of ``side`` pixels, in this process."""
    warnings.filterwarnings("ignore")
    from rig.ready import ReadyEngine, masters, write_feed

    from catalog_gen.fingerprint import SHARDS
    from catalog_gen.planning import NO_LIMIT
    from catalog_gen.stages.catalog import Stamp
    from catalog_gen.stages.feed import take_feed
    from catalog_gen.stages.images import draw_missing
    from catalog_gen.stages.products import record_products
    from catalog_gen.stages.prompts import write_prompts
    from catalog_gen.stages.scores import score_images
    from catalog_gen.stages.verdicts import judge_images

    ready = ReadyEngine(masters(ROOT / "data" / "reference", side), pace)
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop(Path(folder), side, steps)
        engine: Any = _Drawing(_real_engine(shop)) if steps else ready
        write_feed(Path(folder) / "feed.csv", pictures)
        catalog, stamp, shards = shop.catalog, Stamp.at_once("night"), range(SHARDS)
        record_products(catalog, take_feed(catalog), stamp)
        write_prompts(catalog, shards, stamp, budget=NO_LIMIT)
        shop.scorer.embed_texts(["load it now"])
        began, cpu, children = perf_counter(), process_time(), children_seconds()
        draw_missing(catalog, lambda: engine, shards, stamp)
        drawn, cpu_drawn = perf_counter(), process_time()
        score_images(catalog, shop.scorer, shards, stamp)
        judge_images(catalog, shop.scorer.scorer_hash, shards, stamp)
        ended, cpu_ended = perf_counter(), process_time()
    seconds = ended - began
    if isinstance(engine, _Drawing):
        return {
            "side": side,
            "steps": steps,
            "pictures": pictures,
            "seconds": seconds,
            "drawing": engine.seconds,
            "not_drawing": 1 - engine.seconds / seconds,
        }
    drawing = pictures / pace
    own, ending = engine.until_the_last - cpu, cpu_drawn - engine.until_the_last
    beside, after = _beside_cpu(children), cpu_ended - cpu_drawn
    busiest = max(drawing, engine.taking, beside / WORKERS, (own + beside) / CORES)
    return {
        "side": side,
        "pace": pace,
        "pictures": pictures,
        "seconds": seconds,
        "not_drawing": 1 - drawing / seconds,
        "stood_still": engine.stood_still,
        "after": ended - drawn,
        "own_ms": 1000 * own / pictures,
        "taking_ms": 1000 * engine.taking / pictures,
        "beside_ms": 1000 * beside / pictures,
        "ending_ms": 1000 * ending / pictures,
        "after_ms": 1000 * after / pictures,
        "not_drawing_16": 1 - drawing / (busiest + ending + after / CORES),
    }


class _Drawing:
    """An engine, and the seconds that it drew."""

    delivers = False

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.batch_size: int = engine.batch_size
        self.environment: Any = engine.environment
        self.seconds = 0.0

    def draw(self, jobs: Sequence[Any]) -> Iterator[Any]:
        """As the engine's."""
        for outcome in self._engine.draw(jobs):
            self.seconds += outcome.seconds
            yield outcome


def _real_engine(shop: Any) -> Any:
    """Of the shape of Stable Diffusion 1.5, under the name of the shop's tiny model."""
    import torch
    from rig.shapes import SHAPES, build_pipeline

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import wrap_pipeline
    from catalog_gen.diffusion.model_hash import pinned_model

    _, identity = pinned_model(shop.catalog.settings.model)
    shape = next(iter(SHAPES["full"].values()))
    pipeline = build_pipeline(shape, torch.device("cpu"), torch.float32)
    return Engine(wrap_pipeline(pipeline, identity), 1)


def _shop(folder: Path, side: int, steps: int) -> Any:
    """The tests' small shop, with the studio's CLIP and lettering, and this picture size."""
    sys.path.insert(0, str(ROOT))
    from tests.pipeline.shop import open_shop

    shop = open_shop(folder)
    text = shop.config.read_text("utf-8")
    clip = ROOT / "data" / "models" / "studio" / "clip"
    lettering = ROOT / "data" / "models" / "lettering.safetensors"
    changes = {
        "width = 32": f"width = {side}",
        "height = 32": f"height = {side}",
        "candidates = 2": "candidates = 1",
        "batch_size = 4": "batch_size = 32",
        "steps = 2": f"steps = {steps or 2}",
        f'"{folder / "clip"}"': f'"local-dir:{clip}"',
        f'"local-dir:{folder / "clip"}"': f'"local-dir:{clip}"',
        "{{ colour }} {{ category }}": "{{ colour }} {{ title }}",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    shop.config.write_text(f'lettering = "{lettering}"\n{text}', "utf-8")
    return shop


def _beside_cpu(before: float) -> float:
    """Processor seconds of the measuring processes, once they have ended."""
    import multiprocessing

    for process in multiprocessing.active_children():
        process.join(20)
    return children_seconds() - before


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
