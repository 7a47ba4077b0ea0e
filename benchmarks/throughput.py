"""Measure pictures per second of a naive script, the plain pipeline in batches, and our engine.

    python benchmarks/throughput.py [--size miniature|full] [--json]

SD 1.5- and SDXL-shaped pipelines are built from configuration with seeded random weights: speed
does not depend on the weights, and nothing is downloaded. All variants take turns in one run.
On a GPU the engine is measured eager and compiled, at several batch sizes, and its
arithmetic is compared with that of a large bf16 matrix product on the same GPU.

    first script   fp16 on a GPU, attention slicing, one picture at a time, PNG by Pillow
    plain          the pipeline in batches, drawn to PIL pictures and not encoded
    engine         padded batches, prompts encoded once, PNG; scored by CLIP and kept in an outbox
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

# Before torch is loaded: on a busy machine its threads would spin while they wait for each other,
# and one variant would be measured against the scheduler's luck.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

import torch
from rig.shapes import SHAPES, Shape, Size, build_pipeline, flop_per_picture

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import wrap_pipeline
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.recipe import Recipe
from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import DrawnImage

Consume = Callable[[Drawn], None]

CLIP: Final = Path(__file__).parent.parent / "data" / "models" / "studio" / "clip"
KEPT_TOGETHER: Final = 4


def main(consume: Consume | None = None) -> None:
    """Measure and print. ``consume`` gets every picture of the engine: to score and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["miniature", "full"], default="miniature")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.size, consume)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['size']} pipelines on {figures['device']}, {figures['threads']} threads")
    for family, result in figures["families"].items():
        print(f"\n{family}: {result['side']}x{result['side']}, {result['steps']} steps, ", end="")
        print(f"{result['tflop_per_image']:.4g} TFLOP a picture")
        for row in result["variants"]:
            print(
                f"  {row['name']:16} batch {row['batch_size']:3}  "
                f"{row['images_per_second']:8.3f} pictures/s  "
                f"{row['over_first_script']:6.2f} x first script"
                + _part(row["over_plain"], "  {:5.2f} x plain")
                + _part(row["cpu_over_plain"], " ({:.2f} of its CPU time)")
                + _part(row["share_of_bf16_peak"], "  {:5.1%} of bf16 peak")
            )


def _part(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def measure(size: Size, consume: Consume | None = None) -> dict[str, Any]:
    """All figures of one run."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    peak = _bf16_peak(device) if on_gpu else None
    return {
        "size": size,
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
        "bf16_peak_tflops": peak,
        "families": {
            name: _family(shape, size, device, peak, consume)
            for name, shape in SHAPES[size].items()
        },
    }


@dataclass(frozen=True)
class Variant:
    """A way to draw: ``make`` builds it and returns a function that draws some pictures."""

    name: str
    batch_size: int
    pictures: int
    make: Callable[[], Callable[[], None]]


def _family(
    shape: Shape,
    size: Size,
    device: torch.device,
    peak: float | None,
    consume: Consume | None,
) -> dict[str, Any]:
    variants = list(_variants(shape, device, consume))
    if size == "miniature":  # small enough to keep all, so that noise hits all alike
        taken = _interleaved(variants)
    else:
        taken = [_alone(variant) for variant in variants]
    rows = list(zip(variants, taken, strict=True))
    flop = flop_per_picture(shape)
    first, first_taken = rows[0]
    plain = {each.batch_size: taken for each, taken in rows if each.name == "plain"}
    results = []
    for each, each_taken in rows:
        speed = each.pictures / each_taken.wall
        beside = plain.get(each.batch_size)
        results.append(
            {
                "name": each.name,
                "batch_size": each.batch_size,
                "images_per_second": speed,
                "cpu_seconds_per_image": each_taken.cpu / each.pictures,
                "over_first_script": speed / (first.pictures / first_taken.wall),
                # All variants at one batch size draw equally many pictures.
                "over_plain": beside and beside.wall / each_taken.wall,
                "cpu_over_plain": beside and each_taken.cpu / beside.cpu,
                "share_of_bf16_peak": peak and speed * flop / 1e12 / peak,
            }
        )
    return {
        "side": shape.side,
        "steps": shape.steps,
        "tflop_per_image": flop / 1e12,
        "variants": results,
    }


def _variants(shape: Shape, device: torch.device, consume: Consume | None) -> Iterator[Variant]:
    """The first script's way first: all others are compared with it."""
    on_gpu = device.type == "cuda"
    sizes = (4, 8, 16, 32) if on_gpu else (8,)
    low, best = (torch.float16, torch.bfloat16) if on_gpu else (torch.float32, torch.float32)
    yield Variant("first script", 1, 4, partial(_first_script, shape, device, low))
    for size in sizes:
        yield Variant("plain", size, 2 * size, partial(_plain, shape, device, best, size))
    for compiled in (False, True) if on_gpu else (False,):
        for size in sizes:
            yield Variant(
                "engine compiled" if compiled else "engine",
                size,
                2 * size,
                partial(_engine, shape, device, best, size, compiled, consume),
            )


@dataclass(frozen=True)
class Taken:
    """Seconds on the clock, and seconds of processor time over all threads."""

    wall: float
    cpu: float

    @classmethod
    def by(cls, draw: Callable[[], None]) -> "Taken":
        """What one call takes."""
        wall, cpu = perf_counter(), process_time()
        draw()
        return cls(perf_counter() - wall, process_time() - cpu)


def _alone(variant: Variant) -> Taken:
    draw = variant.make()
    draw()  # compile, and fill the allocator's and the prompts' caches
    taken = Taken.by(draw)
    del draw
    torch.cuda.empty_cache()
    return taken


def _interleaved(variants: Sequence[Variant], rounds: int = 3) -> list[Taken]:
    """The best of some rounds; a busy machine slows single runs, never speeds one up."""
    draws = [variant.make() for variant in variants]
    for draw in draws:
        draw()
    taken = [[Taken.by(draw) for draw in draws] for _ in range(rounds)]
    return [
        Taken(min(each.wall for each in column), min(each.cpu for each in column))
        for column in zip(*taken, strict=True)
    ]


def _prompts(count: int) -> list[str]:
    return [f"a photo of product {number}, plain white background" for number in range(count)]


def _first_script(shape: Shape, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    pipeline = build_pipeline(shape, device, dtype)
    pipeline.enable_attention_slicing()

    def draw() -> None:
        for number, prompt in enumerate(_prompts(4)):
            image = pipeline(prompt, **_arguments(shape, [number])).images[0]
            image.save(BytesIO(), "PNG")

    return draw


def _plain(shape: Shape, device: torch.device, dtype: torch.dtype, size: int) -> Callable[[], None]:
    pipeline = build_pipeline(shape, device, dtype)
    prompts = _prompts(2 * size)

    def draw() -> None:
        for start in (0, size):
            numbers = list(range(start, start + size))
            pipeline(prompts[start : start + size], **_arguments(shape, numbers))

    return draw


def _arguments(shape: Shape, numbers: Sequence[int]) -> dict[str, Any]:
    return {
        "width": shape.side,
        "height": shape.side,
        "num_inference_steps": shape.steps,
        "guidance_scale": shape.guidance,
        "generator": [torch.Generator("cpu").manual_seed(number) for number in numbers],
    }


def _engine(
    shape: Shape,
    device: torch.device,
    dtype: torch.dtype,
    size: int,
    compiled: bool,
    consume: Consume | None,
) -> Callable[[], None]:
    identity = "seeded random weights"
    loaded = wrap_pipeline(build_pipeline(shape, device, dtype), identity, compiled=compiled)
    engine = Engine(loaded, size)
    recipes = [
        Recipe(
            method="text2img",
            model_hash=identity,
            prompt=prompt,
            negative_prompt="",
            seed=number,
            scheduler="ddim",
            steps=shape.steps,
            guidance=shape.guidance,
            width=shape.side,
            height=shape.side,
        )
        for number, prompt in enumerate(_prompts(2 * size))
    ]
    jobs = [DrawJob(recipe.recipe_id, recipe) for recipe in recipes]

    def draw() -> None:
        for outcome in engine.draw(jobs):
            if not isinstance(outcome, Drawn):
                raise SystemExit(f"a picture failed: {outcome.error}")
            if consume is not None:
                consume(outcome)

    return draw


def _bf16_peak(device: torch.device) -> float:
    """TFLOP/s of a product of two 8192 x 8192 bf16 matrices, the best of some rounds."""
    side = 8192
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(20):
        torch.cuda.synchronize()
        started = perf_counter()
        left @ right
        torch.cuda.synchronize()
        best = max(best, 2 * side**3 / (perf_counter() - started) / 1e12)
    return best


class Keeper:
    """Scores pictures with the studio's CLIP and keeps them in an outbox, as a refresh does."""

    def __init__(self, folder: Path) -> None:
        self._scorer = ClipScorer(ScorerSettings(id=f"local-dir:{CLIP}", batch_size=KEPT_TOGETHER))
        self._outbox = Outbox(folder)
        self._waiting: list[Drawn] = []

    def __call__(self, drawn: Drawn) -> None:
        self._waiting.append(drawn)
        if len(self._waiting) == KEPT_TOGETHER:
            pixels = [each.pixels for each in self._waiting]
            self._scorer.score(pixels, ["product photo of one matte red mug"] * len(pixels), ())
            images = [
                DrawnImage(
                    each.recipe_id,
                    each.png,
                    each.sha256,
                    each.pixels.shape[1],
                    each.pixels.shape[0],
                    each.seconds,
                )
                for each in self._waiting
            ]
            self._outbox.write(images, [], drawn.environment)
            self._waiting.clear()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as outbox:
        main(Keeper(Path(outbox)))
