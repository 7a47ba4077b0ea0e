"""Real photographs from installed packages, which the judge must not reject.

A manifest names files of Python and Debian packages with their licences and hashes; none of them is
copied into the project. A photograph is judged as a scene, and as a cut-out in a product's outline
on white.
"""

import csv
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.pixels import Pixels

Outline = Literal["round", "box", "bottle"]
OUTLINES: Final[tuple[Outline, ...]] = get_args(Outline)

#: Folders for the manifest's files: site-packages, Python's prefix, the file system's root.
ROOTS: Final[tuple[Path, ...]] = (
    Path(sysconfig.get_path("purelib")),
    Path(sys.prefix),
    Path("/"),
)
#: Side of a cut-out's outline over the side of its picture.
_FILL: Final = 0.82
#: Outlines are drawn this many times larger, then reduced.
_FINER: Final = 4


@dataclass(frozen=True, slots=True)
class Photograph:
    """One file of a package."""

    package: str
    file: str
    """Relative to one of ``ROOTS``."""
    licence: str
    sha256: str


def read_manifest(path: Path) -> list[Photograph]:
    """The photographs listed in a manifest."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [Photograph(**row) for row in csv.DictReader(stream)]


def find(photograph: Photograph, roots: Sequence[Path] = ROOTS) -> Path | None:
    """The photograph's path if its package is installed, else None.

    Raises:
        InputError: the file's hash differs from the manifest's.
    """
    for root in roots:
        path = root / photograph.file
        if path.is_file():
            if sha256_file(path) != photograph.sha256:
                raise InputError(
                    str(path),
                    f"is not the file in the manifest ({photograph.sha256[:12]})",
                    f"Install another version of {photograph.package}, or correct the manifest.",
                )
            return path
    return None


def scene(path: Path, side: int) -> Pixels:
    """The whole photograph (H, W, 3), resized to a longer side of ``side`` pixels."""
    picture = Image.open(path).convert("RGB")
    factor = side / max(picture.size)
    width, height = (max(16, round(length * factor)) for length in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def cut_out(path: Path, side: int, outline: Outline) -> Pixels:
    """The photograph's middle (side, side, 3) within an outline on white, over a soft shadow."""
    picture = Image.open(path).convert("RGB")
    length = min(picture.size)
    left, top = ((extent - length) // 2 for extent in picture.size)
    square = picture.crop((left, top, left + length, top + length))
    texture = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS), np.float32)
    shape = _outline(outline, side)
    lower = shape.transform(shape.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, -side / 40))
    shade = np.asarray(lower.filter(ImageFilter.GaussianBlur(side / 50)), np.float32) / 255
    inside = np.asarray(shape, np.float32)[..., None] / 255
    ground = 255 * (1 - 0.12 * shade[..., None])
    ground[: side // 2] = 255
    return np.asarray(np.round(texture * inside + ground * (1 - inside)), np.uint8)


def _outline(outline: Outline, side: int) -> Image.Image:
    """Coverage 0..255 of an outline in the middle of a square."""
    fine = side * _FINER
    shape = Image.new("L", (fine, fine))
    pen = ImageDraw.Draw(shape)
    low, high = fine * (1 - _FILL) / 2, fine * (1 + _FILL) / 2

    def box(x: Iterable[float], y: Iterable[float]) -> tuple[float, float, float, float]:
        (x0, x1), (y0, y1) = x, y
        span = high - low
        return low + x0 * span, low + y0 * span, low + x1 * span, low + y1 * span

    if outline == "round":
        pen.ellipse(box((0, 1), (0, 1)), fill=255)
    elif outline == "box":
        pen.rounded_rectangle(box((0.08, 0.92), (0, 1)), fine * 0.08, fill=255)
    else:
        pen.rounded_rectangle(box((0.25, 0.75), (0.3, 1)), fine * 0.1, fill=255)
        pen.rounded_rectangle(box((0.4, 0.6), (0, 0.5)), fine * 0.03, fill=255)
    return shape.resize((side, side), Image.Resampling.BOX)
