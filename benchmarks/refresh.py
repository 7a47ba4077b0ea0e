"""Measure the cost of a whole refresh relative to a bare diffusers loop with the same pictures.

Two processes in one run: a script that loads the pipeline and draws the recipes of the plan in the
same batches, with PNGs written by Pillow; and `catalog-gen refresh` on an empty home. Then more
refreshes of the same feed: the second draws new candidates for what was rejected, and the first
that draws nothing is the idle one. The ratios count the work after imports and the whole processes.
All that takes turns in a few rounds, and the fastest of each counts: other load only adds to a
time.

    python benchmarks/refresh.py [--products N] [--rounds N] [--json]
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--products", type=int, default=0, help="feed rows; more than the sample has repeat it"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--imports", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.imports:
        print(json.dumps({"seconds": import_all()}))
        return
    if arguments.bare:
        print(json.dumps(draw_bare(json.loads(arguments.bare.read_text("utf-8")))))
        return
    figures = measure(arguments.products, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    rounds = len(figures["rounds"])
    print(f"{figures['images']} pictures, the fastest of {rounds} rounds")
    print(f"refresh / bare loop, work after imports: {figures['ratio_work']:.2f}   (asked: 1.15)")
    print(f"refresh / bare loop, whole processes:    {figures['ratio_process']:.2f}")
    print(f"refresh with nothing to do, work after imports: {figures['idle_seconds']:.1f} s")
    print(
        f"second refresh: {figures['second_generated']} candidates for what was rejected in "
        f"{figures['second_seconds']:.1f} s"
    )


def measure(products: int, rounds: int) -> dict[str, Any]:
    """Run the loop and two refreshes in turns, and compare the fastest."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        feed = _feed(home, products)
        jobs = home / "jobs.json"
        jobs.write_text(json.dumps(planned_recipes(feed, home)), "utf-8")
        each = [_round(feed, jobs, home / str(number)) for number in range(rounds)]
    fastest = {name: min(times[name] for times in each) for name in each[0]}
    return {
        "ratio_work": (fastest["first"] - fastest["imports"]) / fastest["bare"],
        "ratio_process": fastest["first_process"] / fastest["bare_process"],
        "idle_seconds": fastest["idle"] - fastest["imports"],
        "second_seconds": fastest["second"] - fastest["imports"],
        "images": each[0]["images"],
        "second_generated": each[0]["second_generated"],
        "rounds": each,
    }


def _round(feed: Path, jobs: Path, home: Path) -> dict[str, float]:
    """Seconds of the bare loop, of the imports, of a first, a second and an idle refresh."""
    bare, bare_process = _run([sys.executable, __file__, "--bare", str(jobs)], home)
    imports, _ = _run([sys.executable, __file__, "--imports"], home)
    refresh = [sys.executable, "-m", "catalog_gen.cli", "refresh", "--json"]
    refresh += ["--config", str(CONFIG), "--feed", str(feed)]
    first, first_process = _run(refresh, home)
    second, _ = _run(refresh, home)
    idle = second
    while idle["images"]["generated"]:
        idle, _ = _run(refresh, home)
    return {
        "bare": bare["seconds"],
        "bare_process": bare_process,
        "imports": imports["seconds"],
        "first": first["seconds"]["total"],
        "first_process": first_process,
        "second": second["seconds"]["total"],
        "idle": idle["seconds"]["total"],
        "images": first["images"]["generated"],
        "second_generated": second["images"]["generated"],
    }


def import_all() -> float:
    """Seconds to import all that a refresh imports on its way, in a fresh process."""
    started = perf_counter()
    import dagster._core.storage.event_log  # noqa: F401
    import open_clip  # noqa: F401
    from diffusers import (  # noqa: F401
        AutoPipelineForImage2Image,
        AutoPipelineForText2Image,
        StableDiffusionImg2ImgPipeline,
        StableDiffusionPipeline,
    )
    from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401

    import catalog_gen.cli.main  # noqa: F401

    return perf_counter() - started


def planned_recipes(feed: Path, home: Path) -> list[dict[str, Any]]:
    """The recipes that a first refresh of the feed would draw from text alone."""
    from catalog_gen.home import Home
    from catalog_gen.stages.catalog import Catalog
    from catalog_gen.stages.drawer import Drawer
    from catalog_gen.stages.products import read_products
    from catalog_gen.stages.prompts import desired_prompts, firsts
    from catalog_gen.stages.views import compile_views
    from catalog_gen.store.products import incoming_products

    catalog = Catalog.open(CONFIG, Home(home / "plan"), feed)
    contents = read_products(catalog, feed).contents
    drawer = Drawer.of(catalog)
    attributes = {name for each in contents.products for name in each.attributes}
    views = compile_views(catalog.settings, attributes, drawer.dialect)
    with catalog.store.peek() as connection:
        relation = incoming_products(connection, contents.products)
        wishes = list(desired_prompts(connection, views, drawer, relation=relation))
    model = catalog.settings.model
    references = {product.product_id: product.reference for product in contents.products}
    return [
        {
            **recipe.chosen(),
            "model": model.id,
            "batch_size": model.batch_size,
            "reference": references[wish.stale.product_id],
            "folder": str(catalog.settings.feed.reference_folders[0]),
        }
        for wish in firsts(wishes)
        for recipe in wish.recipes
    ]


def draw_bare(jobs: list[dict[str, Any]]) -> dict[str, float]:
    """The straightforward loop: same recipes, same batches, PNG files on disk."""
    import torch
    from diffusers import AutoPipelineForImage2Image, StableDiffusionPipeline
    from diffusers.utils import logging
    from PIL import Image

    logging.disable_progress_bar()
    started = perf_counter()
    pipelines: Any = StableDiffusionPipeline
    text2img = pipelines.from_pretrained(jobs[0]["model"], dtype=torch.float32, safety_checker=None)
    img2img = AutoPipelineForImage2Image.from_pipe(text2img)
    for pipeline in (text2img, img2img):
        pipeline.set_progress_bar_config(disable=True)

    def alike(job: dict[str, Any]) -> tuple[Any, ...]:
        keys = ("scheduler", "steps", "guidance", "width", "height")
        return *(job[key] for key in keys), *job["method"].values()

    drawn = 0
    with tempfile.TemporaryDirectory() as folder:
        for _, group in groupby(sorted(jobs, key=alike), key=alike):
            same = list(group)
            size = same[0]["batch_size"]
            for start in range(0, len(same), size):
                batch = same[start : start + size]
                arguments: dict[str, Any] = {
                    "prompt": [job["prompt"] for job in batch],
                    "negative_prompt": [job["negative_prompt"] for job in batch],
                    "num_inference_steps": batch[0]["steps"],
                    "guidance_scale": batch[0]["guidance"],
                    "generator": [torch.Generator().manual_seed(job["seed"]) for job in batch],
                }
                if "reference_sha256" in batch[0]:
                    arguments["strength"] = batch[0]["method"]["strength"]
                    arguments["image"] = [
                        Image.open(Path(job["folder"]) / job["reference"])
                        .convert("RGB")
                        .resize((job["width"], job["height"]))
                        for job in batch
                    ]
                    images = img2img(**arguments).images
                else:
                    arguments |= {"width": batch[0]["width"], "height": batch[0]["height"]}
                    images = text2img(**arguments).images
                for image in images:
                    image.save(Path(folder) / f"{drawn}.png")
                    drawn += 1
    return {"seconds": perf_counter() - started, "images": drawn}


def _feed(home: Path, rows: int) -> Path:
    """The sample feed; or so many rows of it, from the beginning again with other ids.

    The copies share the sample's pictures: they cost all but drawing.
    """
    source = ROOT / "data" / "feed.csv"
    if not rows:
        return source
    with source.open(newline="", encoding="utf-8") as stream:
        header, *sample = csv.reader(stream)
    path = home / "feed.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for number in range(rows):
            again, place = divmod(number, len(sample))
            product_id, *rest = sample[place]
            writer.writerow([f"{product_id}-{again}" if again else product_id, *rest])
    return path


def _run(command: list[str], home: Path) -> tuple[dict[str, Any], float]:
    started = perf_counter()
    environment = os.environ | {
        "CATALOG_HOME": str(home),
        "CATALOG_CONFIG": str(CONFIG),
        "GOMP_SPINCOUNT": "20000",  # both sides wait as the pipeline does; see assets_defs
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout), perf_counter() - started


if __name__ == "__main__":
    main()
