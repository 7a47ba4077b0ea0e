"""Morphology of masks by shifted copies: the results of scipy.ndimage in a tenth of its time.

The structuring element is the cross of a pixel and its four neighbours; pixels beyond the edge are
false, as in scipy's default.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def grown(mask: Mask, times: int = 1) -> Mask:
    """Dilation of a mask (H, W): each true pixel also marks its four neighbours."""
    for _ in range(times):
        wider = mask.copy()
        wider[1:] |= mask[:-1]
        wider[:-1] |= mask[1:]
        wider[:, 1:] |= mask[:, :-1]
        wider[:, :-1] |= mask[:, 1:]
        mask = wider
    return mask


def shrunk(mask: Mask, times: int = 1) -> Mask:
    """Erosion of a mask (H, W): only pixels whose four neighbours are true stay."""
    for _ in range(times):
        narrower = np.zeros_like(mask)
        narrower[1:-1, 1:-1] = (
            mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        )
        mask = narrower
    return mask


def around(mask: Mask, margin: int, grid: int = 1) -> tuple[slice, slice]:
    """Rows and columns of a mask's box (H, W) and ``margin`` pixels around it.

    A filter that reaches no further than the margin gives the same values inside the mask as on
    the whole picture, in less time. The box begins on a multiple of ``grid``.

    Raises:
        ValueError: the mask is empty.
    """
    found = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        begin = max(0, int(places.min()) - margin) // grid * grid
        found.append(slice(begin, int(places.max()) + margin + 1))
    return found[0], found[1]


def filled(mask: Mask) -> Mask:
    """A mask (H, W) with its holes: false regions from which no false path leads to the edge."""
    regions, count = scipy.ndimage.label(~mask)
    open_regions = np.zeros(count + 1, dtype=bool)
    for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        open_regions[edge] = True
    open_regions[0] = False
    return np.asarray(~open_regions[regions])
