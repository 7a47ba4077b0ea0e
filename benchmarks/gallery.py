"""Measure the gallery of a large catalog: its size, and the times to write and to load it.

Made-up products (two views with three candidates each, criteria and passports) are written as a
night does, twice, and once more after a hundred have changed. If Chromium is installed, the page is
opened from disk, and the time until the script has finished is measured.

    python benchmarks/gallery.py [--products N] [--out DIR] [--json]
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import numpy as np

from catalog_gen.fingerprint import sha256_text
from catalog_gen.imaging.encode import encode, encode_png
from catalog_gen.reporting.gallery import Differences, WantedPicture, write_gallery
from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryPart,
    GalleryPassport,
    GalleryProduct,
    GalleryView,
)
from catalog_gen.store.shown import ShownCounts

COLOURS: Final = ("red", "blue", "green", "black", "white", "yellow")
CATEGORIES: Final = ("mug", "bottle", "bowl", "vase", "chair", "backpack")
VIEWS: Final = ("packshot", "lifestyle")
CHANGED: Final = 100
OPENED: Final = 3
#: Products of a data file.
_PART: Final = 16
_WHY: Final = "It shows what was asked for, with a similarity of 0.312 and a margin of 0.087."
_CHECK: Final = ("passed", "The product fills 78 % of the picture; at least 75 % is asked for.")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Products in parts of sixteen, and one small picture for each colour, which they share."""

    count: int
    changed: int

    def parts(self) -> list[GalleryPart]:
        """The parts; those with a changed product are made of something else."""
        return [
            GalleryPart(number, sha256_text(f"{number} {number * _PART < self.changed}"))
            for number in range(-(-self.count // _PART))
        ]

    def products(self, parts: Sequence[GalleryPart]) -> Iterator[list[GalleryProduct]]:
        """Made-up products."""
        for part in parts:
            start = part.number * _PART
            numbers = range(start, min(start + _PART, self.count))
            yield [_product(number, changed=number < self.changed) for number in numbers]

    def differences(self, present: Iterator[tuple[str, int]]) -> Differences:
        """All pictures that are not there."""
        found = dict(present)
        return Differences([WantedPicture("", name) for name in PICTURES if name not in found], ())

    def png(self, picture: WantedPicture) -> bytes:
        """The PNG of a picture."""
        return PICTURES[picture.sha256]

    def file(self, picture: WantedPicture) -> Path | None:
        """There is none: the pictures are in memory."""
        return None

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        """The JPEG of a photo."""
        return encode(np.full((96, 96, 3), 200, np.uint8), "JPEG")

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        """No picture here is of a method that needs a mask."""
        return None


def _pictures() -> dict[str, bytes]:
    drawn: list[bytes] = []
    for number in range(len(COLOURS)):
        pixels = np.full((96, 96, 3), 245, np.uint8)
        pixels[24:80, 30:66] = [40 * number, 90, 230 - 40 * number]
        drawn.append(encode_png(pixels))
    return {sha256(png).hexdigest(): png for png in drawn}


PICTURES: Final = _pictures()


def _product(number: int, *, changed: bool) -> GalleryProduct:
    colour = COLOURS[(number + changed) % len(COLOURS)]
    category = CATEGORIES[number % len(CATEGORIES)]
    return GalleryProduct(
        f"sku-{number:07d}",
        f"{colour.title()} {category.title()} of glazed stoneware, 350 ml, No. {number}",
        category,
        tuple(_view(number, view, colour, category) for view in range(len(VIEWS))),
        {"colour": colour, "material": "stoneware", "price": f"{number % 90 + 9}.00 EUR"},
    )


def _view(number: int, view: int, colour: str, category: str) -> GalleryView:
    if number % 97 == 5 and view:
        return GalleryView(VIEWS[view], (), ("it was black: the safety checker found something",))
    live = number % 11 != 3
    decisions = (
        "accepted" if live else "review",
        "rejected",
        "review" if live and number % 29 == 4 else "rejected",
    )
    return GalleryView(
        VIEWS[view],
        tuple(
            GalleryImage(
                image_id=sha256(f"{number} {view} {candidate} {colour}".encode()).hexdigest(),
                sha256=list(PICTURES)[(number + candidate) % len(PICTURES)],
                number=candidate,
                decision=decision,  # type: ignore[arg-type]
                live=live and candidate == 0,
                total=(9, 4, 6)[candidate] if live else 6 - candidate,
                criteria=dict.fromkeys(
                    (
                        "prompt_adherence",
                        "visual_realism",
                        "artifacts",
                        "ecommerce_usability",
                        "reproducibility",
                    ),
                    (2 - candidate, _WHY),
                ),
                hard_failures=("The outline is cut by the edge.",) if candidate == 1 else (),
                reason="new",
                prompt=f"product photo of one {colour} {category}, plain white background",
                negative_prompt="blurry, text, watermark",
                seed=2**62 + number,
                model_hash="a" * 64,
                settings="img2img (strength 0.35), ddim, 20 steps, guidance 6"
                if view
                else "text2img, ddim, 20 steps, guidance 6",
                similarity=0.312,
                margin=0.087,
                photo_sha256="f" * 64 if view else "",
                passports=tuple(
                    GalleryPassport(title, True, (_CHECK,) * 6)
                    for title in ("Google Merchant", "Amazon", "Shopify")
                )
                if live and candidate == 0
                else (),
            )
            for candidate, decision in enumerate(decisions)
        ),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--out", type=Path, help="keep the gallery there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments.products, arguments.out or Path(folder))
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value:,}")


def measure(count: int, folder: Path) -> dict[str, Any]:
    """The figures of one catalog, by name."""
    first, _ = _write(count, 0, folder)
    again, untouched = _write(count, 0, folder)
    later, rewritten = _write(count, CHANGED, folder)
    page = folder / "index.html"
    index = next((folder / "data").glob("index-*.js"))
    data = [file.stat().st_size for file in (folder / "data").glob("[0-9a-f]*.js")]
    figures: dict[str, Any] = {
        "products": count,
        "first_weight_mb": round((page.stat().st_size + index.stat().st_size) / 1e6, 3),
        "data_files": len(data),
        "largest_data_file_kb": round(max(data, default=0) / 1e3, 1),
        "all_data_mb": round(sum(data) / 1e6, 1),
        "write_seconds": round(first, 2),
        "again_seconds": round(again, 2),
        "again_files_written": untouched,
        "changed_products": CHANGED,
        "changed_seconds": round(later, 2),
        "changed_files_written": rewritten,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    usable = [_usable_ms(page) for _ in range(OPENED)] if shutil.which("chromium") else []
    if usable:
        figures["usable_ms_median"] = median(usable)
        figures["usable_ms_worst"] = max(usable)
    return figures


def _write(count: int, changed: int, folder: Path) -> tuple[float, int]:
    """Seconds, and how many data files were written."""
    before = {file.name: file.stat().st_mtime_ns for file in folder.glob("data/*.js")}
    started = perf_counter()
    source = Drawn(count, changed)
    data = GalleryData(
        title="Benchmark",
        # The same page, byte for byte, as long as the products are.
        written_at=datetime(2026, 11, 21, tzinfo=UTC),
        run_id="benchmark",
        publication_id=1,
        coverage=0.9,
        views=VIEWS,
        counts=ShownCounts(count, 0, 0, 0, 0, 0),
        parts=source.parts(),
    )
    write_gallery(data, folder, source)
    seconds = perf_counter() - started
    return seconds, sum(
        before.get(file.name) != file.stat().st_mtime_ns for file in folder.glob("data/*.js")
    )


def _usable_ms(page: Path) -> int:
    """Milliseconds from the start of loading to the end of the page's script, from disk."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [*command, f"--user-data-dir={profile}", page.as_uri()],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r'data-usable="(\d+)"', done.stdout)
    if found is None:
        raise RuntimeError(f"{page}: its script did not finish")
    return int(found[1])


if __name__ == "__main__":
    main()
