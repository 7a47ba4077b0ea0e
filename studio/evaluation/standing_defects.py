"""The four faults of kept products, planted in renders whose masks are known.

What a drawing model does wrong around a product (``judging.signals.standing``) is done here on
purpose, in one known way each. Pictures are uint8 (H, W, 3), masks uint8 (H, W), 0..255.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog_gen.diffusion.grounds import cleared
from catalog_gen.imaging.pixels import Pixels

Planted = tuple[Pixels, Pixels]
StandingDefect = Literal["floating", "wrong plane", "too small", "too large", "indistinct", "grown"]
STANDING_DEFECTS: Final[tuple[StandingDefect, ...]] = get_args(StandingDefect)

#: How far a product is lifted, and a part of it grows, over the picture's side.
_LIFT: Final = 0.09
_GROWTH: Final = 0.09
#: A product of the wrong size has this share of its own.
_SMALL, _LARGE = 0.45, 1.35
#: A floor of darker wood, and how far below the foot it begins, over the picture's side.
_FLOOR: Final = (0.62, 0.5, 0.42)
_BELOW: Final = 0.03


def plant_standing(
    defect: StandingDefect, pixels: Pixels, mask: Pixels, draw: np.random.Generator
) -> Planted:
    """The picture with the fault, and the product's mask in it."""
    return _PLANTERS[defect](pixels, mask, draw)


def _floating(pixels: Pixels, mask: Pixels, _: np.random.Generator) -> Planted:
    """Lift the product and leave its shadow where it was."""
    side = len(mask)
    hole = ndimage.binary_dilation(mask > 0, iterations=max(1, side // 64))
    ground = np.where(hole[..., None], _ground(pixels, mask), pixels)
    top = int(np.flatnonzero(mask.any(axis=1))[0])
    up = min(top, round(_LIFT * side))
    return _put(_moved(pixels, -up, 0), _moved(mask, -up, 0), ground)


def _wrong_plane(pixels: Pixels, mask: Pixels, _: np.random.Generator) -> Planted:
    """Let the floor begin below the foot, so that the product stands on the wall."""
    foot = int(np.flatnonzero(mask.any(axis=1))[-1])
    ground = pixels.astype(np.float32)
    ground[foot + round(_BELOW * len(mask)) :] *= np.asarray(_FLOOR, dtype=np.float32)
    return _put(pixels, mask, ground)


def _scaled(factor: float) -> Callable[[Pixels, Pixels, np.random.Generator], Planted]:
    def planter(pixels: Pixels, mask: Pixels, _: np.random.Generator) -> Planted:
        """Scale the product around its foot."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        fixed = np.array([rows[-1], (columns[0] + columns[-1]) / 2])
        matrix = np.eye(2) / factor
        offset = fixed - matrix @ fixed
        size = [
            ndimage.affine_transform(channel, matrix, offset, order=1)
            for channel in (*np.moveaxis(pixels.astype(np.float32), 2, 0), mask.astype(np.float32))
        ]
        levels = np.asarray(np.round(np.stack(size, axis=2)), dtype=np.uint8)
        return _put(levels[..., :3], levels[..., 3], _ground(pixels, mask))

    return planter


def _indistinct(pixels: Pixels, mask: Pixels, _: np.random.Generator) -> Planted:
    """Run the colours inside the product's rim, which itself mixes both, out into the ground."""
    whole = ndimage.binary_erosion(mask == 255, iterations=max(1, len(mask) // 64))
    whole = whole if whole.any() else mask == 255
    nearest = ndimage.distance_transform_edt(~whole, return_distances=False, return_indices=True)
    ground = pixels.astype(np.float32)[tuple(nearest)]
    return _put(pixels, mask, ndimage.gaussian_filter(ground, (len(mask) / 43,) * 2 + (0,)))


def _grown(pixels: Pixels, mask: Pixels, draw: np.random.Generator) -> Planted:
    """Let a second product look out from behind the first."""
    far = round(_GROWTH * len(mask))
    down, right = [(0, far), (0, -far), (-far, far // 2), (-far, -far // 2)][draw.integers(4)]
    behind, _ = _put(_moved(pixels, down, right), _moved(mask, down, right), pixels)
    return _put(pixels, mask, behind)


_PLANTERS: Final[
    Mapping[StandingDefect, Callable[[Pixels, Pixels, np.random.Generator], Planted]]
] = {
    "floating": _floating,
    "wrong plane": _wrong_plane,
    "too small": _scaled(_SMALL),
    "too large": _scaled(_LARGE),
    "indistinct": _indistinct,
    "grown": _grown,
}


def _ground(pixels: Pixels, mask: Pixels) -> NDArray[np.float32]:
    coverage = np.asarray(mask / 255, dtype=np.float32)
    return cleared(pixels.astype(np.float32), coverage)


def _put(product: Pixels, mask: Pixels, ground: NDArray[np.generic]) -> Planted:
    share = mask[..., None].astype(np.float32) / 255
    together = product * share + ground.astype(np.float32) * (1 - share)
    return np.asarray(np.round(together), dtype=np.uint8), mask


def _moved(values: Pixels, down: int, right: int) -> Pixels:
    """Shifted by whole pixels; what comes in is 0."""
    moved = np.zeros_like(values)
    height, width = values.shape[:2]
    to = (
        slice(max(0, down), min(height, height + down)),
        slice(max(0, right), min(width, width + right)),
    )
    origin = (
        slice(max(0, -down), min(height, height - down)),
        slice(max(0, -right), min(width, width - right)),
    )
    moved[to] = values[origin]
    return moved
