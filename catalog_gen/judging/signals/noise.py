"""Noise signals: at the size that pictures are measured at, and at the picture's own size.

Reducing a picture averages its noise away, as looking at it from afar does. Enlarged, as shoppers
look at a product, it shows: so ``grain`` is measured on the pixels as they are.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.signals.exposure import luma_of
from catalog_gen.judging.signals.morphology import Mask, around, shrunk
from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: Second differences in both directions: zero on any plane (J. Immerkær, 1996).
_SECOND_DIFFERENCE: Final = np.array([1, -2, 1], dtype=np.float32)
#: Noise is estimated on this smoothest share of the subject, away from edges.
_SMOOTH_SHARE: Final = 0.6
#: It is estimated in patches of this side with at least this many smooth pixels, as this quantile
#: of the patches: noise is everywhere, while texture such as cloth or grass is not.
_PATCH, _FEW, _QUIET = 16, 30, 0.25
#: Pixels that the filters for noise reach, one after another.
_MARGIN: Final = 4
#: Grain is measured in a window of this side, where most of the subject is: it is everywhere, and a
#: larger picture costs no more.
_WINDOW: Final = 512


def noise_of(luma: NDArray[np.float32], mask: Mask) -> float | None:
    """Deviation of the noise of a luma picture (H, W), 0..255, on the smooth parts of the mask.

    J. Immerkær, "Fast noise variance estimation" (1996). The kernel's response to white noise of
    deviation s has a mean size of 6 s sqrt(2 / pi). It also responds to edges, so only pixels of
    low slope in the quietest patches count. None: the mask has too few pixels.
    """
    inside = shrunk(mask, times=2)
    if inside.sum() < _FEW:
        return None
    near = around(inside, _MARGIN, _PATCH)
    luma, inside = luma[near], inside[near]
    soft = scipy.ndimage.uniform_filter(luma, size=3, mode="nearest")
    slope = np.hypot(
        scipy.ndimage.sobel(soft, axis=0, mode="nearest"),
        scipy.ndimage.sobel(soft, axis=1, mode="nearest"),
    )
    calm = inside & (slope <= np.quantile(slope[inside], _SMOOTH_SHARE))
    answer = luma
    for axis in (0, 1):
        answer = scipy.ndimage.correlate1d(answer, _SECOND_DIFFERENCE, axis, mode="nearest")
    answer = np.abs(answer)
    places = _patches(calm)
    sizes = np.bincount(places[calm])
    sums = np.bincount(places[calm], weights=answer[calm])
    large = sizes >= _FEW
    found = sums[large] / sizes[large] if large.any() else [answer[calm].mean()]
    return float(np.quantile(found, _QUIET) * np.sqrt(np.pi / 2) / 6)


def _patches(calm: Mask) -> NDArray[np.intp]:
    """The number of each pixel's patch, (H, W)."""
    rows, columns = (np.arange(length) // _PATCH for length in calm.shape)
    return np.asarray(rows[:, None] * (columns[-1] + 1) + columns[None])


def fullest(mask: Mask, rows: int, columns: int) -> tuple[int, int]:
    """Top row and left column of a window of these sizes that holds most of a mask (H, W)."""
    sums = np.pad(mask, ((1, 0), (1, 0))).cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    bands = sums[rows:] - sums[:-rows]
    within = bands[:, columns:] - bands[:, :-columns]
    top, left = np.unravel_index(within.argmax(), within.shape)
    return int(top), int(left)


def _grain(pixels: Pixels, mask: Mask) -> float | None:
    """Noise in a window of a picture (H, W, 3) with the mask of its reduction (h, w)."""
    (height, width), (high, wide) = pixels.shape[:2], mask.shape
    tall, broad = min(_WINDOW, height), min(_WINDOW, width)
    top, left = fullest(mask, tall * high // height, broad * wide // width)
    rows = min(top * height // high, height - tall) + np.arange(tall)
    columns = min(left * width // wide, width - broad) + np.arange(broad)
    inside = mask[np.ix_(rows * high // height, columns * wide // width)]
    return noise_of(luma_of(pixels[np.ix_(rows, columns)]), inside)


def _measure(picture: "Picture") -> dict[str, Value]:
    pixels = picture.full_size
    return {
        "noise": noise_of(picture.luma, picture.whole_mask),
        "grain": None if pixels is None else _grain(pixels, picture.mask),
    }


SIGNAL: Final = Signal(
    facts={
        "noise": "standard deviation of the noise on the subject, in levels of 255",
        "grain": "that of the noise at the picture's own size; none: it was measured at that size",
    },
    measure=_measure,
)
