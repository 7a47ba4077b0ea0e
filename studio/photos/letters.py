"""Plant lettering of many kinds into pictures and mark its cells: training data.

Words, prices and random signs in many faces, sizes, colours, opacities and angles, once or tiled.
It shares no code, face or word with ``evaluation.defects``, which is the test data.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.lettering_net import CELL

_WORDS: Final = (
    "new hot now only offer bargain deal free gift best price sample preview draft proof copy "
    "stock photo image studio brand store outlet club prime basic original limited edition summer "
    "winter special today buy two get one order online www .com premium quality made in rights "
    "reserved"
)
_SIGNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&!.,:%$€£#@+-/©®™"
#: Sizes of faces in pixels: capitals are about seven tenths of it high.
_SIZES: Final = (9.0, 30.0)
#: Ink that changes a pixel by fewer levels is hardly visible, and is not marked.
_FAINT: Final = 10.0
#: Share of a cell's pixels that ink has to change.
_COVERED: Final = 0.08


@dataclass(frozen=True, slots=True)
class Lettered:
    """A picture with lettering, and the cells that show it."""

    pixels: Pixels
    cells: NDArray[np.bool_]
    """(H/4, W/4)."""


def find_faces(folder: Path) -> tuple[Path, ...]:
    """TrueType and OpenType faces below a folder that hold Latin letters, in order."""
    found = sorted([*folder.rglob("*.ttf"), *folder.rglob("*.otf")])
    return tuple(path for path in found if _draws_letters(path))


def letter(picture: Pixels, faces: tuple[Path, ...], chance: random.Random) -> Lettered:
    """A copy of a picture (H, W, 3) with lettering planted into it."""
    height, width, _ = picture.shape
    ink = _ink(height, width, faces, chance)[..., None]
    opacity = 1.0 if chance.random() < 0.35 else chance.uniform(0.2, chance.choice((0.5, 0.95)))
    colour = np.array(_colour(chance), dtype=np.float32)
    mixed = picture * (1 - ink * opacity) + colour * ink * opacity
    drawn = np.asarray(np.clip(mixed, 0, 255), dtype=np.uint8)
    seen = np.abs(drawn.astype(np.float32) - picture).max(axis=2) > _FAINT
    rows, columns = height // CELL, width // CELL
    blocks = seen[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return Lettered(drawn, blocks.mean(axis=(1, 3)) > _COVERED)


def _ink(
    height: int, width: int, faces: tuple[Path, ...], chance: random.Random
) -> NDArray[np.float32]:
    """Coverage (H, W), 0..1, of one word somewhere, or of a word tiled over the whole picture."""
    size = round(chance.uniform(*_SIZES))
    face = _face(chance.choice(faces), size)
    text = _text(chance)
    left, top, right, bottom = (round(edge) for edge in face.getbbox(text))
    box = Image.new("L", (max(1, right - left) + 4, max(1, bottom - top) + 4))
    outline = chance.random() < 0.1
    ImageDraw.Draw(box).text((2 - left, 2 - top), text, fill=255, font=face)
    if outline:
        inner = Image.new("L", box.size)
        ImageDraw.Draw(inner).text((2 - left, 2 - top), text, fill=255, font=face, stroke_width=1)
        box = Image.fromarray(np.asarray(inner) - np.minimum(np.asarray(box), np.asarray(inner)))
    kind = chance.random()
    angle = 0.0 if kind < 0.45 else chance.choice((90.0, -90.0)) if kind < 0.52 else 0.0
    if kind >= 0.52:
        angle = chance.uniform(-50, 50)
    box = box.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    layer = Image.new("L", (width, height))
    if chance.random() < 0.12:
        gap = chance.uniform(1.1, 1.6)
        for x in range(-box.width, width, max(8, round(box.width * gap))):
            for y in range(-box.height, height, max(8, round(box.height * gap))):
                layer.paste(box, (x, y))
    else:
        x, y = (_place(room, chance) for room in (width - box.width, height - box.height))
        layer.paste(box, (x, y))
    return np.asarray(layer, dtype=np.float32) / np.float32(255)


def _place(room: int, chance: random.Random) -> int:
    """Where a box starts: inside if it fits, else showing its middle."""
    return round(chance.uniform(0, room)) if room >= 0 else round(room * chance.uniform(0.3, 0.7))


def _text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.45:
        text = " ".join(chance.choices(_WORDS.split(), k=chance.choice((1, 1, 2))))
    elif kind < 0.65:
        text = f"{chance.choice('$€£-')}{chance.randint(1, 999)}{chance.choice(('', '.99', '%'))}"
    else:
        text = "".join(chance.choices(_SIGNS, k=chance.randint(3, 10)))
    return chance.choice((text, text.upper(), text.title()))


def _colour(chance: random.Random) -> tuple[float, float, float]:
    kind = chance.random()
    if kind < 0.6:
        level = 255.0 if kind < 0.2 else 0.0 if kind < 0.3 else chance.uniform(0, 255)
        return level, level, level
    return chance.uniform(0, 255), chance.uniform(0, 255), chance.uniform(0, 255)


@lru_cache(maxsize=4096)
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _draws_letters(path: Path) -> bool:
    """Whether two letters look different in a face: symbol faces draw boxes."""
    try:
        face = ImageFont.truetype(path, 24)
    except OSError:
        return False
    shapes = {face.getmask(sign).getbbox() and bytes(face.getmask(sign)) for sign in "AWgm"}
    return len(shapes) == 4 and None not in shapes
