"""Two pictures beside each other: one through the other's window, and where they differ."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from catalog_gen.imaging.pixels import Pixels

#: Levels of 255 up to which a difference is not seen.
UNSEEN: Final = 8
_LINE: Final = (255, 255, 255)
#: The brightest difference is shown at least this dark, so that rounding does not look like one.
_LEAST_SCALE: Final = 32


@dataclass(frozen=True, eq=False, slots=True)
class Difference:
    """Where two pictures differ.

    Attributes:
        pixels: (H, W, 3), black where they agree, white where they differ most.
        largest: in levels, 0..255, over all channels.
        share: of the pixels that differ by more than ``UNSEEN`` levels in a channel, 0..1.
    """

    pixels: Pixels
    largest: int
    share: float


def through(one: Pixels, other: Pixels, share: float) -> Pixels:
    """The left ``share`` (0..1) of one picture, and the rest of the other, with a line between.

    Both are (H, W, 3), of one size.
    """
    column = round(share * one.shape[1])
    joined = other.copy()
    joined[:, :column] = one[:, :column]
    if 0 < column < one.shape[1]:
        joined[:, column - 1] = _LINE
    return joined


def difference(one: Pixels, other: Pixels) -> Difference:
    """Where two pictures of one size, (H, W, 3), differ."""
    levels = np.abs(one.astype(np.int16) - other.astype(np.int16)).max(axis=2)
    largest = int(levels.max())
    shown = np.rint(levels * (255.0 / max(largest, _LEAST_SCALE))).astype(np.uint8)
    return Difference(
        np.repeat(shown[:, :, None], 3, axis=2), largest, float((levels > UNSEEN).mean())
    )
