"""Background signals: how white and how even the border of a picture is.

Marketplaces require "pure white" (255, 255, 255) and check it along the border. These facts
count only for views with a white background.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.signals.colour import srgb_to_lab
from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: Width of the measured border, as a share of the shorter side.
_RING: Final = 0.03
#: Lowest sRGB level that looks white next to a white page.
_NEAR_WHITE: Final = 250


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The border of a picture."""

    pure_white: float
    """Share of border pixels whose three channels are 255, 0..1."""
    near_white: float
    """Share of border pixels whose three channels are at least 250, 0..1."""
    lightness: float
    """Median L* of the border, 0..100."""
    unevenness: float
    """Standard deviation of L* along the border, 0..50; a studio backdrop stays below 2."""


@lru_cache(maxsize=8)
def _ring(height: int, width: int) -> NDArray[np.intp]:
    depth = max(2, round(_RING * min(height, width)))
    ring = np.ones((height, width), dtype=bool)
    ring[depth:-depth, depth:-depth] = False
    return np.flatnonzero(ring)


def backdrop_of(pixels: NDArray[np.uint8]) -> Backdrop:
    """The border of a picture, (H, W, 3) sRGB."""
    border = pixels.reshape(-1, 3)[_ring(*pixels.shape[:2])]
    darkest = border.min(axis=1)
    lightness = srgb_to_lab(border)[:, 0]
    return Backdrop(
        pure_white=float((darkest == 255).mean()),
        near_white=float((darkest >= _NEAR_WHITE).mean()),
        lightness=float(np.median(lightness)),
        unevenness=float(lightness.std()),
    )


def _measure(picture: "Picture") -> dict[str, Value]:
    backdrop = backdrop_of(picture.pixels)
    return {
        "pure_white": backdrop.pure_white,
        "near_white": backdrop.near_white,
        "border_lightness": backdrop.lightness,
        "unevenness": backdrop.unevenness,
    }


SIGNAL: Final = Signal(
    facts={
        "pure_white": "share of border pixels whose three channels are 255, 0..1",
        "near_white": "share of border pixels whose three channels are at least 250, 0..1",
        "border_lightness": "median L* of the border, 0..100",
        "unevenness": "standard deviation of L* along the border, 0..50",
    },
    measure=_measure,
    on_white=frozenset({"pure_white", "near_white"}),
    on_backdrop=frozenset({"unevenness"}),
)
