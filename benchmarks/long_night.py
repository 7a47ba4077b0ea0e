"""Run a night of thousands of pictures and check that memory, files and threads don't grow.

One real refresh (Dagster, a tiny Stable Diffusion pipeline and a tiny CLIP with random weights,
pictures of 16x16 pixels in one step) draws, judges and publishes that many pictures in one process.
At each tenth of drawing and of scoring it records the process's resident memory, open files and
threads; at the end, what is left in the outbox. The pictures are small on purpose: leaks are of
pictures, rows or handles, and there are as many as in a real night.

    python benchmarks/long_night.py [--images N] [--json]

It does not measure speed, nor the memory of real models.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from catalog_gen.progress import Progress, reporting_to

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

#: Pictures of a product.
CANDIDATES: Final = 2
#: Figures of a stage after its warm-up begin with this tenth.
WARM: Final = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment; ``tenth`` counts from 0 (the stage begins) to 10 (it is done)."""

    stage: str
    tenth: int
    rss_mb: float
    files: int
    threads: int


def main() -> None:
    """Run the night and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.images)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for each in figures["samples"]:
        print(
            f"{each['stage']:<6} {each['tenth']:>3}/10   {each['rss_mb']:7.1f} MB   "
            f"{each['files']:>3} files   {each['threads']:>3} threads"
        )
    print(
        f"{figures['generated']} pictures ({figures['failed']} failed), "
        f"{figures['live_products']} products live, {figures['outbox']} files in the outbox; "
        f"{figures['seconds']:.0f} s, {figures['processor_seconds']:.0f} s of processor time"
    )
    for stage, growth in figures["growth"].items():
        print(
            f"{stage}, tenth {WARM} to the last: {growth['rss_mb']:+.1f} MB "
            f"({growth['bytes_a_picture']:+.0f} bytes per picture), {growth['files']:+d} files, "
            f"{growth['threads']:+d} threads"
        )


def measure(folder: Path, images: int) -> dict[str, Any]:
    """Refresh a shop of ``images / 2`` products in ``folder`` once, and watch the process."""
    warnings.filterwarnings("ignore")
    from assets_defs.launch import dagster_instance, failure_of
    from catalog_gen.store.runs import run_summary
    from tests.pipeline.shop import open_shop

    shop = open_shop(folder)
    _make_large(shop.config, folder / "feed.csv", images // CANDIDATES)
    watch = Watch()
    started, worked = perf_counter(), process_time()
    with dagster_instance(shop.home) as instance, reporting_to(watch):
        run = shop.refresh(instance)
        if not run.is_success:
            raise SystemExit(f"the refresh failed: {failure_of(instance, run.run_id)}")
    with shop.catalog.store.reading() as connection:
        summary = run_summary(connection, run.run_id)
    return {
        "images": images,
        "generated": summary["images"]["generated"],
        "failed": summary["images"]["failed"],
        "live_products": summary["published"]["products"],
        "outbox": sum(1 for path in shop.home.outbox.rglob("*") if path.is_file()),
        "seconds": perf_counter() - started,
        "processor_seconds": process_time() - worked,
        "samples": [asdict(each) for each in watch.samples],
        "growth": {stage: growth(watch.samples, stage, images) for stage in ("draw", "score")},
    }


class Watch:
    """Takes a sample whenever a stage has done another tenth."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def __call__(self, progress: Progress) -> None:
        """A reporter, as ``catalog_gen.progress`` calls it."""
        stage, total = progress.stage, progress.total
        tenth = 10 * progress.done // total if total else 10
        last = self.samples[-1] if self.samples else None
        if last is None or last.stage != stage or last.tenth < tenth:
            self.samples.append(sample(stage, tenth))


def sample(stage: str, tenth: int) -> Sample:
    """This process now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    files = len(os.listdir("/proc/self/fd"))
    return Sample(stage, tenth, round(rss, 1), files, threading.active_count())


def growth(samples: Sequence[Sample], stage: str, images: int) -> dict[str, Any]:
    """What a stage added between the end of its warm-up and its last sample."""
    own = [each for each in samples if each.stage == stage]
    first = next((each for each in own if each.tenth >= WARM), own[0])
    last = own[-1]
    rss = last.rss_mb - first.rss_mb
    done = images * max(last.tenth - first.tenth, 1) / 10
    return {
        "rss_mb": round(rss, 1),
        "bytes_a_picture": round(rss * 1e6 / done),
        "files": last.files - first.files,
        "threads": last.threads - first.threads,
    }


def _make_large(config: Path, feed: Path, products: int) -> None:
    """As many products, each with a prompt of its own; the smallest pictures that there can be."""
    text = config.read_text("utf-8")
    for old, new in (
        ("width = 32", "width = 16"),
        ("height = 32", "height = 16"),
        ("steps = 2", "steps = 1"),
        ("batch_size = 2", "batch_size = 32"),
        ("batch_size = 4", "batch_size = 32"),
        ("{{ colour }} {{ category }}", "{{ title }}"),
    ):
        if old not in text:
            raise SystemExit(f"{config} has no {old!r}")
        text = text.replace(old, new)
    config.write_text(text, "utf-8")
    with feed.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price"))
        writer.writerows(_rows(products))


def _rows(products: int) -> Iterator[tuple[str, ...]]:
    for number in range(products):
        yield f"sku-{number}", f"Mug {number}", "mug", ("red", "blue")[number % 2], "9.00 EUR"


if __name__ == "__main__":
    main()
    # As the command line ends: DuckDB's binding would list what other libraries still hold of it.
    sys.stdout.flush()
    os._exit(0)
