"""Sharpness signals: how wide the edges of the subject are, and how much fine detail it has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from catalog_gen.judging.signals.morphology import around, grown
from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: The steepest share of the subject's pixels are its edges.
_EDGES: Final = 0.04
#: Contrast is taken over this many pixels around an edge; wider blur is not distinguished.
_REACH: Final = 9
#: Luma levels of contrast below which an edge is ignored.
_FAINT: Final = 12.0


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How sharp the subject is."""

    edge_width: float | None
    """Median width of the steepest edges in pixels: contrast over slope; about 2 is sharp."""
    detail: float
    """Variance of the Laplacian of the luma inside the subject, in squared levels."""


def sharpness_of(luma: NDArray[np.float32], mask: NDArray[np.bool_]) -> Sharpness | None:
    """Sharpness of a luma picture (H, W), 0..255, in and just around the mask; None: no subject.

    An edge of contrast c with the steepest slope s is c / s pixels wide at any contrast,
    so a pale product is as sharp as a dark one. The variance of the Laplacian (J. L. Pech-Pacheco
    et al., 2000) depends on what is shown and is stored for comparisons within a product.
    """
    if not mask.any():
        return None
    near = around(mask, _REACH)
    luma, mask = luma[near], mask[near]
    region = grown(mask, times=2)
    across = scipy.ndimage.sobel(luma, axis=1, mode="nearest")
    down = scipy.ndimage.sobel(luma, axis=0, mode="nearest")
    slope = np.hypot(across, down) / 8
    steep = slope[region]
    count = max(8, round(_EDGES * len(steep)))
    cut = np.partition(steep, -count)[-count] if len(steep) > count else steep.min()
    edges = region & (slope >= max(float(cut), 1e-3))
    highest = scipy.ndimage.maximum_filter(luma, size=_REACH, mode="nearest")[edges]
    lowest = scipy.ndimage.minimum_filter(luma, size=_REACH, mode="nearest")[edges]
    contrast = highest - lowest
    clear = contrast >= _FAINT
    width = float(np.median(contrast[clear] / slope[edges][clear])) if clear.any() else None
    detail = scipy.ndimage.laplace(luma, mode="nearest")[mask].var()
    return Sharpness(edge_width=width, detail=float(detail))


def _measure(picture: "Picture") -> dict[str, Value]:
    sharpness = sharpness_of(picture.luma, picture.whole_mask)
    return {
        "edge_width": sharpness.edge_width if sharpness else None,
        "detail": sharpness.detail if sharpness else None,
    }


SIGNAL: Final = Signal(
    facts={
        "edge_width": "median width of the steepest edges, in pixels; about 2 is sharp",
        "detail": "variance of the Laplacian of the luma in the subject, in squared levels",
    },
    measure=_measure,
)
