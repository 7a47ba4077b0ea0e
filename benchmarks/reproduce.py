"""Redraw stored pictures from their rows in another process, and compare the bytes.

Draws the sample catalog with the studio model in views of both methods and several schedulers, at
two sizes, of which the larger first runs out of memory (injected) and goes on in halved batches.
Then `catalog-gen reproduce` draws them all again, in the order of their ids, which are hashes:
other neighbours, other order, another process. Figures are counts, not times.

    python benchmarks/reproduce.py [--images N] [--json]
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
DATA: Final = ROOT / "data"
SCHEDULERS: Final = ("ddim", "euler", "euler-a", "dpm++2m", "dpm++2m-karras", "unipc")
#: What the pictures differ in, by the name that the figures give it.
COLUMNS: Final = {
    "method": "method",
    "scheduler": "scheduler",
    "width": "width",
    "batch size": "environment ->> 'batch_size'",
}
#: Pixels of the views whose first batches do not fit into memory.
LARGE: Final = 160


def main() -> None:
    """Draw, draw again, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="at least so many")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--draw", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.draw:
        print(json.dumps(draw(arguments.draw)))
        return
    figures = measure(arguments.images)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(
        f"{figures['images']} pictures: {figures['identical']} identical, "
        f"{figures['close']} close, {figures['different']} different, "
        f"{figures['not_drawn']} not drawn again"
    )
    for name, counts in figures["by"].items():
        print(f"{name:>12}: " + ", ".join(f"{count} {value}" for value, count in counts.items()))


def measure(images: int) -> dict[str, Any]:
    """Two processes: one that draws and one that draws again."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = home / "catalog.toml"
        config.write_text(_config(), "utf-8")
        _write_feed(home / "feed.csv", images)
        command = [sys.executable, __file__, "--draw", str(config)]
        drawn = _run(command, home)
        command = [sys.executable, "-m", "catalog_gen.cli", "reproduce", "--json"]
        command += ["--sample", str(drawn["images"]), "--config", str(config)]
        again = _run(command, home)
    results = Counter(each["result"] for each in again["images"])
    return {
        "images": len(again["images"]),
        **{name.replace(" ", "_"): results[name] for name in ("identical", "close", "different")},
        "not_drawn": results["not drawn"],
        "max_abs_diff": max((each["max_abs_diff"] or 0 for each in again["images"]), default=0),
        "by": drawn["by"],
    }


def draw(config: Path) -> dict[str, Any]:
    """Plan as a refresh does, and draw with an engine that is short of memory."""
    import torch

    from catalog_gen.diffusion.drawing import BatchDrawer
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model
    from catalog_gen.fingerprint import SHARDS
    from catalog_gen.home import Home
    from catalog_gen.planning import NO_LIMIT
    from catalog_gen.stages.catalog import Catalog, Stamp
    from catalog_gen.stages.feed import take_feed
    from catalog_gen.stages.images import draw_missing
    from catalog_gen.stages.products import record_products
    from catalog_gen.stages.prompts import write_prompts
    from catalog_gen.store.ledger import open_failures

    whole: Callable[..., Any] = BatchDrawer.draw

    def short(self: BatchDrawer, key: Any, ready: Any, size: int, watch: Any) -> Any:
        if key.width == LARGE and size > 2:
            raise torch.OutOfMemoryError("out of memory (injected)")
        return whole(self, key, ready, size, watch)

    setattr(BatchDrawer, "draw", short)  # noqa: B010 - the real method in all but memory
    catalog = Catalog.open(config, Home.from_environment())
    stamp = Stamp.at_once("benchmark")
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, range(SHARDS), stamp, budget=NO_LIMIT)
    model = catalog.settings.model
    engine = Engine(load_model(model, catalog.home.hashes), model.batch_size)
    draw_missing(catalog, lambda: engine, range(SHARDS), stamp)
    with catalog.store.reading() as connection:
        for failure in open_failures(connection):
            print(failure.error, file=sys.stderr)
        by = {
            name: dict(
                connection.execute(
                    f"SELECT ({column})::VARCHAR, count(*) FROM lineage GROUP BY ALL ORDER BY ALL"
                ).fetchall()
            )
            for name, column in COLUMNS.items()
        }
        ((count,),) = connection.execute("SELECT count(*) FROM images").fetchall()
    return {"images": count, "by": by}


def _config() -> str:
    """The sample's settings with a view for each scheduler, few steps, and photos for two."""
    text = (DATA / "catalog.toml").read_text("utf-8")
    for name in ("models/studio/pipeline", "models/studio/clip", "rubric.toml", "reference"):
        text = re.sub(rf'"(local-dir:)?{name}"', rf'"\g<1>{DATA / name}"', text)
    head, _, rest = text.partition("[views.")
    tail = "[limits]" + rest.partition("[limits]")[2]
    template = 'template = "product photo of one {{ colour }} {{ category }}"'
    views = []
    for number, scheduler in enumerate(SCHEDULERS):
        side = LARGE if number == 0 else 128
        size = f"width = {side}\nheight = {side}"
        views.append(
            f'[views.text-{number}]\n{template}\nscheduler = "{scheduler}"\nsteps = 4\n{size}\n'
        )
        views.append(
            f'[views.photo-{number}]\n{template}\nmethod = {{ name = "img2img", strength = 0.4 }}\n'
            f'scheduler = "{scheduler}"\nsteps = 6\n{size}\n'
        )
    # Products of one colour and category would share their pictures.
    return 'look = ["product_id"]\n' + head + "\n".join(views) + tail


def _write_feed(path: Path, images: int) -> None:
    """The sample's products with a photo, and as many others as the views need."""
    with (DATA / "feed.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = [row for row in csv.reader(stream) if row]
    photo = header.index("reference_image")
    rows = sorted((row for row in rows if len(row) == len(header)), key=lambda row: not row[photo])
    # A fifth more: some products are beyond the studio model.
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows[: round(1.2 * images / len(SCHEDULERS)) - 8]])


def _run(command: list[str], home: Path) -> dict[str, Any]:
    environment = os.environ | {"CATALOG_HOME": str(home / "home")}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
