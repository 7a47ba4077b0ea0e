"""Measure everything that this project promises about GPUs on yours: `make gpu-check`.

    python benchmarks/gpu_check.py [--device cpu] [--tiny] [--pictures N] [--out FILE] [--json]

It draws with random weights in the shapes of Stable Diffusion 1.5 and SDXL, so nothing is
downloaded, and writes a page named after the GPU: pictures per second compared with a simple
script and the GPU's peak; whether another process draws the same bytes, eager and compiled, and
also an engine process per GPU (two on one GPU, if there is one); whether pictures survive a lack of
memory; and what a night takes besides drawing at the measured pace. It takes about half an hour on
one H100, and two minutes with ``--device cpu --tiny``, which checks only the script.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from rig.shapes import Size

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.jobs import DrawJob, Draws

ROOT: Final = Path(__file__).resolve().parent.parent
#: Asked of each family: share of the card's bf16 peak, times the first script, pictures a second.
ASKED: Final[dict[str, dict[str, float]]] = {
    "sd15": {"share_of_bf16_peak": 0.60, "over_first_script": 4.0},
    "sdxl": {"images_per_second": 1.9},
}
SAID: Final = {
    "share_of_bf16_peak": "share of the bf16 peak",
    "over_first_script": "times the first script",
    "images_per_second": "pictures a second",
}
#: In the check of a lack of memory, one step in this many fails.
SHORT_EACH: Final = 7
BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the page. ``met`` is None where nothing was asked."""

    what: str
    asked: str
    reached: str
    met: bool | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--tiny", action="store_true", help="miniature pipelines")
    parser.add_argument("--pictures", type=int, default=1000, help="drawn short of memory")
    parser.add_argument("--out", type=Path, help="the page; docs/gpu/CARD.md by default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--again", choices=["eager", "compiled"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    size: Size = "miniature" if arguments.tiny else "full"
    if arguments.again:
        print(json.dumps(_draw_again(size, compiled=arguments.again == "compiled")))
        return
    about = card()
    if about["device"] == "cpu" and arguments.device != "cpu":
        raise SystemExit(
            "torch sees no GPU on this machine. Repair the driver (nvidia-smi shows whether it "
            "works), or try the script itself with --device cpu --tiny."
        )
    figures = list(check(size, arguments.pictures))
    out = arguments.out or ROOT / "docs" / "gpu" / f"{_file_name(about['device'])}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(about, figures), "utf-8")
    if arguments.json:
        print(json.dumps({"card": about, "figures": [asdict(each) for each in figures]}, indent=2))
        return
    for each in figures:
        mark = {True: "met   ", False: "MISSED", None: "      "}[each.met]
        print(
            f"{mark} {each.what}: {each.reached}" + (f" (asked: {each.asked})" * bool(each.asked))
        )
    print(f"Written to {out}.")


def card() -> dict[str, str]:
    """The machine and the versions that were measured."""
    import diffusers
    import torch

    about = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    about["system"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if not torch.cuda.is_available():
        return {"device": "cpu"} | about
    facts = torch.cuda.get_device_properties(0)
    cudnn: Any = torch.backends.cudnn
    return {
        "device": facts.name,
        "memory": f"{facts.total_memory / 2**30:.0f} GiB",
        "cuda": str(torch.version.cuda),
        "cudnn": str(cudnn.version()),
    } | about


def check(size: "Size", pictures: int) -> Iterator[Figure]:
    """All figures, the most expensive ones last."""
    import throughput

    measured = throughput.measure(size)
    paces = {}
    for family, result in measured["families"].items():
        best = max(
            (row for row in result["variants"] if row["name"].startswith("engine")),
            key=lambda row: float(row["images_per_second"]),
        )
        paces[family] = best["images_per_second"]
        text = f"{family}, {result['side']} x {result['side']}, {result['steps']} steps"
        text += f", {best['name']}, batches of {best['batch_size']}"
        for key, words in SAID.items():
            value = best[key]
            if value is None:
                continue
            asked = ASKED[family].get(key) if size == "full" else None
            met = value >= asked if asked else None
            yield Figure(f"{text}: {words}", f"{asked:g}" if asked else "", f"{value:.3g}", met)
    modes: tuple[Literal["eager", "compiled"], ...] = ("eager", "compiled")
    for mode in modes if measured["device"] != "cpu" else modes[:1]:
        yield _same_bytes(size, mode)
    yield _several_engines(size)
    yield _short_of_memory(size, pictures)
    yield _night(paces["sd15"], 512 if size == "full" else 128)


def _same_bytes(size: "Size", mode: Literal["eager", "compiled"]) -> Figure:
    """The same recipes in two separate processes, the second in another order."""
    command = [sys.executable, __file__, "--again", mode]
    if size == "miniature":
        command.append("--tiny")
    runs: list[dict[str, str]] = []
    for seed in ("1", "2"):
        environment = os.environ | {"GPU_CHECK_ORDER": seed}
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    first, second = runs
    same = sum(second.get(key) == value for key, value in first.items())
    return Figure(
        f"the same bytes from another process, {mode}",
        f"{len(first)} of {len(first)}",
        f"{same} of {len(first)}",
        same == len(first),
    )


def _draw_again(size: "Size", *, compiled: bool) -> dict[str, str]:
    """SHA-256 of each picture by recipe, in an order of this process's own."""
    jobs = _jobs(size, 2 * BATCH)
    random.Random(os.environ["GPU_CHECK_ORDER"]).shuffle(jobs)
    return {key: each[0] for key, each in _drawn(_engine(size, compiled=compiled), jobs).items()}


def _several_engines(size: "Size") -> Figure:
    """The same pictures by one engine in this process, and by one process on each card."""
    import torch
    from rig.shapes import SHAPES, build_pipeline

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.engines import Engines
    from catalog_gen.diffusion.loading import load_model
    from catalog_gen.settings.model import ModelSettings

    cards = torch.cuda.device_count()
    devices = [f"cuda:{number}" for number in range(cards)] or ["cpu"]
    devices *= 2 if len(devices) == 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        dtype = torch.bfloat16 if cards else torch.float32
        pipeline = build_pipeline(SHAPES[size]["sd15"], torch.device("cpu"), dtype)
        pipeline.save_pretrained(folder)
        settings = ModelSettings(id=folder, batch_size=BATCH, devices=tuple(devices))
        loaded = load_model(settings)
        jobs = _jobs(size, 2 * BATCH * len(devices), loaded.model_hash)
        alone, engines = _drawn(Engine(loaded, BATCH), jobs), Engines(settings)
        together = _drawn(engines, jobs)
        engines.close()
    same = sum(together.get(key) == value for key, value in alone.items())
    return Figure(
        f"the same bytes from engine processes on {', '.join(devices)}",
        f"{len(jobs)} of {len(jobs)}",
        f"{same} of {len(jobs)}",
        same == len(jobs),
    )


def _short_of_memory(size: "Size", pictures: int) -> Figure:
    """Draw pictures while batches run out of memory now and then: none is lost or wrong."""
    import torch

    engine, jobs = _engine(size, compiled=False), _jobs(size, pictures)
    calls = 0

    def short(_: object, given: tuple[torch.Tensor, ...]) -> None:
        nonlocal calls
        calls += 1
        # A single picture with guidance is two rows: without memory for that, it fails.
        if calls % SHORT_EACH == 0 and len(given[0]) > 2:
            raise torch.OutOfMemoryError("out of memory (injected)")

    denoiser = engine.model.denoiser
    handle = denoiser.register_forward_pre_hook(short)
    try:
        drawn = _drawn(engine, jobs)
    finally:
        handle.remove()
    sizes = Counter(each[1] for each in drawn.values())
    smallest = min(sizes, default=BATCH)
    sample = [job for job in jobs if drawn.get(job.recipe_id, ("", 0))[1] == smallest][:BATCH]
    again = _drawn(_engine(size, compiled=False, batch=smallest), sample)
    same = sum(again[key][0] == drawn[key][0] for key in again)
    text = ", ".join(f"{count} in batches of {each}" for each, count in sorted(sizes.items()))
    return Figure(
        "pictures drawn while memory runs out",
        f"{pictures} of {pictures}, redrawn the same",
        f"{len(drawn)} of {pictures} ({text}); {same} of {len(sample)} redrawn the same",
        len(drawn) == pictures and same == len(sample),
    )


def _night(pace: float, side: int) -> Figure:
    import night

    row = night.measure(side, pace, pictures=max(64, round(20 * pace)))
    return Figure(
        f"share of a night that is not drawing, {side} x {side} at {pace:.3g} a second",
        "at most 5 %",
        f"{row['not_drawing']:.1%} on {os.cpu_count()} cores",
        row["not_drawing"] <= 0.05 if side == 512 else None,
    )


def _engine(size: "Size", *, compiled: bool, batch: int = BATCH) -> "Engine":
    import torch
    from rig.shapes import SHAPES, build_pipeline

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import wrap_pipeline

    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    dtype = torch.bfloat16 if on_gpu else torch.float32
    pipeline = build_pipeline(SHAPES[size]["sd15"], device, dtype)
    return Engine(wrap_pipeline(pipeline, "random weights", compiled=compiled), batch)


def _jobs(size: "Size", count: int, model_hash: str = "random weights") -> "list[DrawJob]":
    from rig.shapes import SHAPES

    from catalog_gen.diffusion.jobs import DrawJob
    from catalog_gen.recipe import Recipe

    shape = SHAPES[size]["sd15"]
    recipes = [
        Recipe(
            method="text2img",
            model_hash=model_hash,
            prompt=f"a photo of product {number}",
            negative_prompt="",
            seed=number,
            scheduler="euler",
            steps=min(shape.steps, 10),
            guidance=shape.guidance,
            width=shape.side,
            height=shape.side,
        )
        for number in range(count)
    ]
    return [DrawJob(each.recipe_id, each) for each in recipes]


def _drawn(engine: "Draws", jobs: "Sequence[DrawJob]") -> dict[str, tuple[str, int]]:
    """SHA-256 and batch size of what became a picture, by recipe."""
    from catalog_gen.diffusion.jobs import Drawn

    return {
        each.recipe_id: (each.sha256, each.batch_size)
        for each in engine.draw(jobs)
        if isinstance(each, Drawn)
    }


def page(about: dict[str, str], figures: Sequence[Figure]) -> str:
    """The page: what was measured on, and a row a figure."""
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [
        f"| {each.what} | {each.asked} | {each.reached} | {marks[each.met]} |" for each in figures
    ]
    facts = ", ".join(f"{name} {value}" for name, value in about.items() if name != "device")
    return "\n".join(
        [
            f"# {about['device']}",
            "",
            f"Printed by `make gpu-check`: {facts}.",
            "",
            "| figure | asked | reached | met |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _file_name(device: str) -> str:
    return "-".join(device.lower().replace("/", " ").split())


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
