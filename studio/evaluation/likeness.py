"""How like a drawn picture is to the true one, the photo of the product where it was asked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog_gen.diffusion.grounds import cleared
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.signals.colour import ciede2000, srgb_to_lab
from studio.evaluation.measures import luma

Mask = NDArray[np.bool_]

#: Margin of the subject's box, as a share of the picture's side.
_MARGIN = 0.04
#: What departs from the ground by more is subject, CIELAB units.
_DEPARTS = 12.0


@dataclass(frozen=True)
class Likeness:
    """One drawn picture against the true one."""

    colour: float
    """Mean CIEDE2000 over the product's pixels; 0: the same."""
    silhouette: float
    """Intersection over union of what stands out from either picture's ground, 0..1."""
    structure: float
    """Correlation of luma within the subject's box, -1..1."""
    ground: float
    """Mean CIEDE2000 over the ground: whether the background is the one that was asked for."""


def likeness(drawn: Pixels, true: Pixels, product: Mask) -> Likeness:
    """Compare two pictures (H, W, 3), given the product's true mask (H, W)."""
    box = _box(product)
    difference = ciede2000(srgb_to_lab(drawn), srgb_to_lab(true))
    around = ndimage.binary_dilation(product, iterations=max(1, len(product) // 10))
    found, wanted = (_standing_out(picture, around) for picture in (drawn, true))
    union = (found | wanted).sum()
    one, other = luma(drawn)[box].ravel(), luma(true)[box].ravel()
    return Likeness(
        colour=float(difference[product].mean()),
        silhouette=float((found & wanted).sum() / union) if union else 0.0,
        structure=float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 0.0,
        ground=float(difference[~around].mean()) if (~around).any() else 0.0,
    )


def _box(product: Mask) -> tuple[slice, slice]:
    margin = round(_MARGIN * len(product))
    found = []
    for axis in (1, 0):
        places = np.flatnonzero(product.any(axis=axis))
        found.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + 1 + margin))
    return found[0], found[1]


def _standing_out(picture: Pixels, around: Mask) -> Mask:
    lab = srgb_to_lab(picture)
    ground = cleared(lab, around.astype(np.float32))
    departs = np.linalg.norm(lab - ground, axis=2) > _DEPARTS
    return np.asarray(ndimage.binary_opening(departs & around))
