"""Planted defects: spoil a good picture in exactly one known way, to measure the judge.

Some change the picture, others what is asked of it: a red mug with the prompt "blue mug" is a
picture in the wrong colour. All defects use a seeded generator, so that figures are reproducible.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.contrasts import Phrasing
from studio.captions import NUMBERS

DefectName = Literal[
    "wrong colour",
    "wrong category",
    "wrong material",
    "two for one",
    "cut by the edge",
    "tiny subject",
    "off-white background",
    "blur",
    "noise",
    "text overlay",
    "watermark",
    "black",
    "flat",
    "banded",
    "near-duplicate",
    "changed product",
]
DEFECTS: Final[tuple[DefectName, ...]] = get_args(DefectName)


@dataclass(frozen=True, eq=False, slots=True)
class Specimen:
    """A picture, what was asked of it, and the pictures that it is compared with."""

    pixels: Pixels
    """uint8 (H, W, 3), sRGB."""
    phrasing: Phrasing
    """Of a wish for a category, a colour, a material and a count."""
    mask: NDArray[np.bool_]
    """(H, W), true where the subject is."""
    background: Literal["white", "any"]
    """As a view's settings have it."""
    reference: Pixels | None = None
    """The photo that an img2img picture started from."""
    twin: Pixels | None = None
    """Another product's picture in the same catalog."""

    @property
    def prompt(self) -> str:
        return self.phrasing.prompt


def plant(defect: DefectName, good: Specimen, other: Specimen, seed: int) -> Specimen | None:
    """Plant a defect in ``good``; None if it can't have it, as two vases can't be "two for one".

    ``other`` is a good picture of another category; "changed product" starts from it, and
    "near-duplicate" passes ``good`` off as that product's.
    """
    return _PLANTERS[defect](good, other, np.random.default_rng(seed))


Planter = Callable[[Specimen, Specimen, np.random.Generator], Specimen | None]


def _asked_otherwise(attribute: str) -> Planter:
    def planter(good: Specimen, _: Specimen, draw: np.random.Generator) -> Specimen:
        asked = good.phrasing.asked[attribute]
        rivals = [word for word in good.phrasing.rivals.of(attribute, asked) if word != asked]
        return replace(good, phrasing=good.phrasing.asking(attribute, str(draw.choice(rivals))))

    return planter


def _two_for_one(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen | None:
    if good.phrasing.asked["count"] != NUMBERS[2]:
        return None
    return replace(good, phrasing=good.phrasing.asking("count", NUMBERS[1]))


def _cut(good: Specimen, _: Specimen, draw: np.random.Generator) -> Specimen:
    """Move the picture until a quarter of the subject's width or height is outside."""
    rows, columns = np.flatnonzero(good.mask.any(1)), np.flatnonzero(good.mask.any(0))
    across = bool(draw.integers(2))
    places = columns if across else rows
    shift = good.mask.shape[across] - 1 - places[-1] + (places[-1] - places[0] + 1) // 4
    sign = int(draw.choice((-1, 1)))
    if sign < 0:
        shift = places[0] + (places[-1] - places[0] + 1) // 4
    size = good.mask.shape[across]
    kept = np.clip(np.arange(size) - sign * shift, 0, size - 1)
    return replace(good, pixels=np.take(good.pixels, kept, axis=int(across)))


def _tiny(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen:
    """Shrink the picture to a third of its size, on its own background colour."""
    height, width, _channels = good.pixels.shape
    small = np.asarray(Image.fromarray(good.pixels).resize((width // 3, height // 3)))
    border = np.concatenate([good.pixels[0], good.pixels[-1], good.pixels[:, 0]])
    canvas = np.empty_like(good.pixels)
    canvas[:] = np.median(border, axis=0)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return replace(good, pixels=canvas)


def _off_white(good: Specimen, _: Specimen, draw: np.random.Generator) -> Specimen | None:
    """Tint a white background as by a weak, slightly warm light: levels 229 to 245."""
    if good.background != "white":
        return None
    light = draw.uniform(0.90, 0.96) * np.array([1.0, 0.995, 0.98])
    return replace(good, pixels=np.asarray(good.pixels * light, dtype=np.uint8))


def _blurred(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen:
    radius = good.pixels.shape[0] / 50
    blurred = Image.fromarray(good.pixels).filter(ImageFilter.GaussianBlur(radius))
    return replace(good, pixels=np.asarray(blurred))


def _noisy(good: Specimen, _: Specimen, draw: np.random.Generator) -> Specimen:
    noise = draw.normal(0.0, 16.0, good.pixels.shape)
    return replace(good, pixels=np.asarray(np.clip(good.pixels + noise, 0, 255), dtype=np.uint8))


def _lettered(text: str, opacity: float, angle: float) -> Planter:
    def planter(good: Specimen, _: Specimen, draw: np.random.Generator) -> Specimen:
        height, width, _channels = good.pixels.shape
        layer = Image.new("L", (width, height))
        font = _font(max(10, height // 7))
        left, top, right, bottom = font.getbbox(text)
        x = (width - (right - left)) / 2 - left
        y = draw.uniform(0.05, 0.75) * (height - bottom) if angle == 0 else (height - bottom) / 2
        ImageDraw.Draw(layer).text((x, y - top), text, fill=255, font=font)
        ink = np.asarray(layer.rotate(angle), dtype=np.float64)[..., None] / 255 * opacity
        colour = np.array([120, 120, 120]) if angle else np.array([200, 20, 30])
        return replace(
            good, pixels=np.asarray(good.pixels * (1 - ink) + colour * ink, dtype=np.uint8)
        )

    return planter


def _black(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen:
    return replace(good, pixels=np.zeros_like(good.pixels))


def _flat(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen:
    pixels = np.empty_like(good.pixels)
    pixels[:] = good.pixels.mean(axis=(0, 1))
    return replace(good, pixels=pixels)


def _banded(good: Specimen, _: Specimen, __: np.random.Generator) -> Specimen:
    """Quantise to eight levels per channel, keeping white."""
    step = 255 / 7
    return replace(good, pixels=np.asarray(np.round(good.pixels / step) * step, dtype=np.uint8))


def _near_duplicate(good: Specimen, other: Specimen, _: np.random.Generator) -> Specimen:
    """Use the other product's picture, one pixel row lower and a little darker."""
    twin = np.roll(other.pixels, 1, axis=0)
    darker = np.asarray(twin * 0.98, dtype=np.uint8)
    return replace(good, pixels=darker, mask=other.mask, twin=other.pixels)


def _changed_product(good: Specimen, other: Specimen, _: np.random.Generator) -> Specimen:
    return replace(good, reference=other.pixels)


_PLANTERS: Final[Mapping[DefectName, Planter]] = {
    "wrong colour": _asked_otherwise("colour"),
    "wrong category": _asked_otherwise("category"),
    "wrong material": _asked_otherwise("material"),
    "two for one": _two_for_one,
    "cut by the edge": _cut,
    "tiny subject": _tiny,
    "off-white background": _off_white,
    "blur": _blurred,
    "noise": _noisy,
    "text overlay": _lettered("SALE -50%", 1.0, 0.0),
    "watermark": _lettered("© SHOP", 0.45, 30.0),
    "black": _black,
    "flat": _flat,
    "banded": _banded,
    "near-duplicate": _near_duplicate,
    "changed product": _changed_product,
}


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in font, so that none has to be installed."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow is built with FreeType here
    return font
