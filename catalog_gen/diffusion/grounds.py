"""The ground that a kept product stands on: cleared around it, shaded beneath it, joined to it.

Pictures are float32 (H, W, 3) in [0, 1], coverages (H, W) in [0, 1].
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float32]
Coverage = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: How far around the product a model draws parts of it, as a share of the picture's shorter side.
_AROUND: Final = 0.11
#: Width of the border that always shows ground, likewise.
_BORDER: Final = 0.03
#: The foot of a product that touches the ground: this share of its height.
_FOOT: Final = 0.08
#: Spread of the contact shadow across and down, and its distance below the foot, as shares of the
#: shorter side.
_ACROSS, _DOWN, _BELOW = 0.045, 0.016, 0.012
#: Share of the ground's light on the product's outermost pixels.
_WRAP: Final = 0.15


def core(coverage: NDArray[np.uint8], seam: int) -> Mask:
    """The product's pixels deeper than a seam of ``seam`` pixels."""
    whole = coverage == 255
    if not seam:
        return np.asarray(whole)
    # A product that is cut off by the picture's edge continues beyond it.
    inside: Mask = ndimage.binary_erosion(whole, iterations=seam, border_value=1)
    return inside


def cleared(picture: Picture, coverage: Coverage) -> Picture:
    """The picture without its product and what was drawn around it: only ground.

    Rows are interpolated between the left and the right of the product, as floors, tables and walls
    continue.
    """
    height, width = coverage.shape
    side = min(height, width)
    product = coverage > 0
    hidden = ndimage.binary_dilation(product, iterations=max(1, round(_AROUND * side)))
    border = max(1, round(_BORDER * side))
    for edge in (np.s_[:, :border], np.s_[:, -border:]):
        hidden[edge] = product[edge]
    seen = (~hidden).astype(np.float32)
    # Smoothed, so that the noise of one pixel is not stretched over half of the picture.
    weight = ndimage.gaussian_filter1d(seen, border / 2, axis=1)
    smooth = ndimage.gaussian_filter1d(picture * seen[..., None], border / 2, axis=1)
    smooth /= np.maximum(weight, 1e-6)[..., None]
    ground = picture.copy()
    columns = np.arange(width)
    filled = []
    for row in range(height):
        trusted = ~hidden[row]
        if trusted.any():
            for channel in range(3):
                ground[row, ~trusted, channel] = np.interp(
                    columns[~trusted], columns[trusted], smooth[row, trusted, channel]
                )
            filled.append(row)
    if not filled:  # the product fills the picture
        return picture
    nearest = np.asarray(filled)[np.abs(np.arange(height)[:, None] - filled).argmin(axis=1)]
    return np.asarray(ground[nearest])


def shaded(ground: Picture, coverage: Coverage, depth: float) -> Picture:
    """The ground with a contact shadow beneath the product, darker by ``depth`` at most, 0..1."""
    solid = coverage > 0.5
    labels, count = ndimage.label(solid, structure=np.ones((3, 3)))
    if not count or not depth:
        return ground
    side = min(coverage.shape)
    foot = np.zeros_like(coverage)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        tall = rows.stop - rows.start
        begin = rows.stop - max(1, round(_FOOT * tall))
        part = labels[begin : rows.stop, columns] == number
        foot[begin : rows.stop, columns][part] = 1
    shadow = ndimage.gaussian_filter(foot, (_DOWN * side, _ACROSS * side))
    shadow = ndimage.shift(shadow, (_BELOW * side, 0), order=1, mode="nearest")
    shadow *= depth / max(float(shadow.max()), 1e-6)
    return np.asarray(ground * (1 - shadow[..., None]), dtype=np.float32)


def joined(photo: Picture, ground: Picture, coverage: Coverage, seam: int) -> Picture:
    """The product's pixels on the ground, with a seam of ``seam`` pixels between them.

    Along the seam, pixels that mix product and backdrop take the colour of the nearest pixel that
    is all product, and some of the ground's light. Deeper pixels are the photo's, unchanged.
    """
    levels = np.asarray(np.round(coverage * 255), dtype=np.uint8)
    kept = core(levels, seam)
    product = photo.copy()
    if kept.any():
        depth, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
        mixed = (coverage < 1) & (coverage > 0)
        product[mixed] = photo[tuple(nearest)][mixed]
        light = ndimage.gaussian_filter(ground, (seam + 1, seam + 1, 0))
        share = _WRAP * np.clip(depth / (seam + 1), 0, 1)[..., None]
        product = np.where(kept[..., None], photo, product + share * (light - product))
    share = coverage[..., None]
    together = product * share + ground * (1 - share)
    return np.asarray(np.where(kept[..., None], photo, together), dtype=np.float32)
