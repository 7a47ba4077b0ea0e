"""Subject signals: the mask of what stands before the background, its box, parts and place.

It needs no model: a product picture has its background along the border, so whatever departs from
a smooth continuation of the border is the subject. It does not say what the subject is.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Lab = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Width of the border that the background is read from, as a share of the shorter side.
_BORDER: Final = 0.04
#: Colour distances (CIELAB units) between which the cut from background to subject is sought.
_LOWEST_CUT: Final = 4.0
_HIGHEST_CUT: Final = 14.0
#: A smaller share of the subject is a speck, no part of its own.
_SMALLEST_PART: Final = 0.04
#: A smaller share of the picture is no subject at all.
_SMALLEST_SUBJECT: Final = 0.002
#: Soft shadows: at most this much darker (L*), this much more colourful, this steep (L* a pixel).
_SHADOW_DEPTH: Final = 22.0
_SHADOW_CHROMA: Final = 4.0
_SHADOW_SLOPE: Final = 2.6


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the subject stands in the picture."""

    area: float
    """Share of the picture's pixels, 0..1."""
    fill: float
    """Longer side of the subject's box over the picture's side along it, 0..1."""
    off_centre: float
    """Distance of the box's middle from the picture's, over half the picture's diagonal, 0..1."""
    edge_contact: float
    """Share of the picture's outermost pixels that belong to the subject, 0..1."""
    parts: int
    """Connected parts of the subject; specks are no parts."""


@lru_cache(maxsize=8)
def _surface(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The terms of a cubic surface (H*W, 10), and the flat indices of the border."""
    y, x = np.meshgrid(
        np.linspace(-1, 1, height, dtype=np.float32),
        np.linspace(-1, 1, width, dtype=np.float32),
        indexing="ij",
    )
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    terms = np.stack([(x**i * y**j).ravel() for i, j in powers], axis=1)
    ring = max(2, round(_BORDER * min(height, width)))
    border = np.ones((height, width), dtype=bool)
    border[ring:-ring, ring:-ring] = False
    return terms, np.flatnonzero(border)


def background_of(lab: Lab) -> tuple[Lab, float]:
    """The background (H, W, 3) that the border suggests, and its spread around it in CIELAB units.

    A cubic surface fitted to the border, twice: the second time without the pixels that depart
    from the first fit by more than three spreads, such as a subject that touches the edge.
    """
    height, width, _ = lab.shape
    terms, border = _surface(height, width)
    flat = lab.reshape(-1, 3)
    kept = border
    for _ in range(2):
        weights, *_ = np.linalg.lstsq(terms[kept], flat[kept], rcond=None)
        away = np.linalg.norm(flat[border] - terms[border] @ weights, axis=1)
        spread = 1.4826 * float(np.median(away))
        kept = border[away <= max(3 * spread, 2.0)]
        if len(kept) < len(border) // 4:
            break
    return (terms @ weights).reshape(lab.shape), spread


def subject_mask(lab: Lab) -> Mask:
    """The subject of a picture in CIELAB (H, W, 3), as (H, W); empty where nothing stands out.

    The distance to the background is cut by Otsu's rule (N. Otsu, 1979) within limits, soft
    shadows are taken out, holes filled, and specks dropped.
    """
    background, spread = background_of(lab)
    smooth = ndimage.uniform_filter(lab, size=(3, 3, 1), mode="nearest")
    difference = smooth - background
    distance = np.linalg.norm(difference, axis=2)
    lowest = max(_LOWEST_CUT, 2.5 * spread)
    cut = float(np.clip(_otsu(distance), lowest, max(_HIGHEST_CUT, lowest)))
    mask = (distance > cut) & ~_shadow(smooth, difference)
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(_framed(mask), iterations=2))
    mask = ndimage.binary_opening(mask, iterations=1)[2:-2, 2:-2]
    labels, count = ndimage.label(mask)
    if not count:
        return np.zeros(mask.shape, dtype=bool)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = sizes >= max(_SMALLEST_PART * sizes.sum() / 2, _SMALLEST_SUBJECT * mask.size)
    return np.asarray(large[labels])


def _framed(mask: Mask) -> Mask:
    return np.pad(mask, 2)


def _shadow(smooth: Lab, difference: Lab) -> Mask:
    """Where the picture is only a darker background with no edge in it: a soft shadow."""
    lightness = smooth[..., 0]
    slope = np.hypot(
        ndimage.sobel(lightness, axis=0, mode="nearest"),
        ndimage.sobel(lightness, axis=1, mode="nearest"),
    ) / 8
    chroma = np.hypot(difference[..., 1], difference[..., 2])
    darker = -difference[..., 0]
    soft = (darker > 0) & (darker < _SHADOW_DEPTH) & (chroma < _SHADOW_CHROMA)
    return np.asarray(soft & (slope < _SHADOW_SLOPE))


def _otsu(values: NDArray[np.float32]) -> float:
    """The value that splits the histogram into the two classes farthest apart."""
    counts, edges = np.histogram(values, bins=64, range=(0.0, float(values.max()) + 1e-6))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[int(np.nanargmax(apart)) + 1]) if np.isfinite(apart).any() else 0.0


def placement_of(mask: Mask) -> Placement:
    """Share, box, centre, edge contact and parts of a subject's mask (H, W)."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Placement(0.0, 0.0, 0.0, 0.0, 0)
    tall = (rows[-1] + 1 - rows[0]) / height
    wide = (columns[-1] + 1 - columns[0]) / width
    off_y = (rows[-1] + 1 + rows[0]) / height - 1
    off_x = (columns[-1] + 1 + columns[0]) / width - 1
    rim = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return Placement(
        area=float(mask.mean()),
        fill=float(max(tall, wide)),
        off_centre=float(np.hypot(off_x, off_y) / np.sqrt(2)),
        edge_contact=float(rim.mean()),
        parts=parts_of(mask),
    )


def parts_of(mask: Mask) -> int:
    """Connected parts of at least four hundredths of the subject."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return int((sizes >= _SMALLEST_PART * sizes.sum()).sum()) if count else 0
