"""Edges of a picture, as ControlNets take them: white lines of one pixel on black.

A Computational Approach to Edge Detection (J. Canny, IEEE PAMI 8(6), 1986): smooth, take the
gradient, keep what is a maximum across the edge, and follow weak edges from strong ones.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels

#: Standard deviation of the smoothing, in pixels.
_SIGMA: Final = 1.0
#: Where an edge begins, in multiples of where it may go on. Canny advises two to three.
_BEGINS: Final = 2.0
#: ITU-R BT.601.
_LUMA: Final = (0.299, 0.587, 0.114)


def canny(pixels: Pixels, threshold: float) -> Pixels:
    """The edges of a picture, (H, W, 3), as (H, W, 3) of 0 and 255.

    Args:
        pixels: sRGB.
        threshold: the gradient of the luma at which an edge may go on; it begins at twice that. In
            levels after smoothing and Sobel's filter: a step from black to white has 640, one of
            20 levels 50.
    """
    from scipy import ndimage

    luma = pixels.astype(np.float64) @ np.array(_LUMA)
    smooth = ndimage.gaussian_filter(luma, _SIGMA, mode="nearest")
    down = ndimage.sobel(smooth, axis=0, mode="nearest")
    right = ndimage.sobel(smooth, axis=1, mode="nearest")
    size = np.hypot(down, right)
    thin = _is_ridge(size, down, right)
    weak = thin & (size >= threshold)
    strong = thin & (size >= _BEGINS * threshold)
    lines, count = ndimage.label(weak, structure=np.ones((3, 3), int))
    begun = np.zeros(count + 1, bool)
    begun[lines[strong]] = True
    edges = (begun[lines] & weak).astype(np.uint8) * 255
    return np.repeat(edges[..., None], 3, axis=2)


def _is_ridge(
    size: NDArray[np.float64], down: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where the gradient, (H, W), is as large as on both sides of it, along its direction.

    The two sides lie between pixels: their sizes are interpolated between a neighbour along an axis
    and the diagonal one. Pixels of the rim are no ridges.
    """
    ridge = np.zeros(size.shape, bool)
    if min(size.shape) < 3:
        return ridge
    inner = size[1:-1, 1:-1]
    y, x = down[1:-1, 1:-1], right[1:-1, 1:-1]
    steep = np.abs(y) > np.abs(x)
    long, short = np.maximum(np.abs(y), np.abs(x)), np.minimum(np.abs(y), np.abs(x))
    share = np.divide(short, long, out=np.zeros_like(long), where=long > 0)
    same = (y >= 0) == (x >= 0)
    found = inner > 0
    for sign in (1, -1):
        straight = np.where(steep, _shifted(size, sign, 0), _shifted(size, 0, sign))
        # Of a gradient towards the lower right, the diagonal neighbour lies there; seen from the
        # longer axis, it lies ahead where both have one sign.
        ahead, behind = (
            _shifted(size, sign, sign),
            np.where(steep, _shifted(size, sign, -sign), _shifted(size, -sign, sign)),
        )
        diagonal = np.where(same, ahead, behind)
        found &= inner >= straight * (1 - share) + diagonal * share
    ridge[1:-1, 1:-1] = found
    return ridge


def _shifted(size: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The inner pixels' neighbours at that offset: (H - 2, W - 2)."""
    height, width = size.shape
    return size[1 + rows : height - 1 + rows, 1 + columns : width - 1 + columns]
