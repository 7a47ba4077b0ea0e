"""Soft edges: how much of each pixel along an outline is subject.

A pixel on the outline mixes the subject's colour F with the background's B: I = a F + (1 - a) B.
With F and B from the nearest pixels that are surely one or the other, a is where I lies between
them (Smith and Blinn, Blue Screen Matting, 1996).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog_gen.judging.signals.morphology import grown, shrunk

#: Squared distance of F and B in CIELAB below which the colours tell nothing of a pixel.
_TOO_ALIKE: Final = 400.0


def soft_edges(
    lab: NDArray[np.float32], mask: NDArray[np.bool_], reach: int = 1
) -> NDArray[np.float32]:
    """The share of each pixel of (H, W) that is subject, 0..1.

    Args:
        lab: the picture in CIELAB, (H, W, 3).
        mask: the subject, (H, W), right to within ``reach`` pixels.
    """
    inner, outer = shrunk(mask, reach), ~grown(mask, reach)
    # Of a part thinner than that, what is farthest inside stands for its colour.
    depth = ndimage.distance_transform_edt(mask)
    inner |= mask & (depth >= ndimage.maximum_filter(depth, size=2 * reach + 1)) & (depth > 1)
    coverage = mask.astype(np.float32)
    if not inner.any() or not outer.any():
        return coverage
    subject, background = _spread(lab, inner), _spread(lab, outer)
    line = subject - background
    length = (line**2).sum(axis=2)
    share = ((lab - background) * line).sum(axis=2) / np.maximum(length, 1e-3)
    band = ~inner & ~outer & (length > _TOO_ALIKE)
    coverage[band] = np.clip(share[band], 0.0, 1.0)
    return coverage


def _spread(lab: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """For every pixel the colour of the nearest one of ``where``, averaged over its like."""
    weight = ndimage.gaussian_filter(where.astype(np.float32), 1.5, truncate=2.0)
    mean = np.stack(
        [ndimage.gaussian_filter(lab[..., c] * where, 1.5, truncate=2.0) for c in range(3)], axis=-1
    )
    mean /= np.maximum(weight, 1e-6)[..., None]
    nearest = ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
    return np.asarray(mean[tuple(nearest)], dtype=np.float32)
