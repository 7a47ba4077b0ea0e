"""From linear radiance to the finished photo: metering on the backdrop, white point, sRGB.

``render.develop`` has chosen the product's colour before.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from studio.vocabulary import Background

#: The linear level of the frame's border; a little over white, so that white is clean.
_BORDER_LEVEL: Final[dict[Background, float]] = {"white": 1.06, "light grey": 0.68}
#: The darkest that any border pixel of white may be: 252 of 255 in sRGB.
_WHITE_FLOOR: Final[float] = 0.97
#: Exposure of the wooden table, which has no even border to meter on.
_WOOD_EXPOSURE: Final[float] = 0.85


#: Parts of the picture's side: the border that is metered, the edge dodged in full, and how far
#: from the edge that fades; subjects begin there.
_METERED, _DODGED, _FADED = 5 / 128, 2 / 128, 10 / 128


@lru_cache(maxsize=4)
def _flat_field(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """A quadratic's terms over the picture (P, 6), its solver on the border (6, B), the border."""
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    border = np.maximum(np.abs(x), np.abs(y)) > 1 - 2 * _METERED
    return terms, np.linalg.pinv(terms[border]).astype(np.float32), border


def expose(linear: NDArray[np.float32], background: Background) -> NDArray[np.uint8]:
    """Set the white point on the backdrop and encode sRGB (IEC 61966-2-1).

    An even backdrop is metered along the frame's border and flat-field corrected, as a
    photographer does with a picture of the empty table. Where a shadow reaches the edge of white,
    the edge alone is dodged until its darkest pixel is above 250.
    """
    if background == "warm wood":
        picture = linear * _WOOD_EXPOSURE
    else:
        terms, solver, border = _flat_field(len(linear))
        flat = linear.reshape(-1, 3)
        field = terms @ (solver @ flat[border])
        level = _BORDER_LEVEL[background]
        even = flat / np.maximum(field, 1e-3) * level
        if background == "white":
            frame = _frame(len(linear))
            dodge = np.maximum(1.0, _WHITE_FLOOR / even[frame == 1.0].min())
            even *= 1 + (dodge - 1) * frame[:, None]
        picture = even.reshape(linear.shape)
    picture = np.clip(picture, 0.0, 1.0)
    encoded = np.where(picture <= 0.0031308, 12.92 * picture, 1.055 * picture ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255), dtype=np.uint8)


@lru_cache(maxsize=4)
def _frame(side: int) -> NDArray[np.float32]:
    """How much of the edge's brightening each pixel takes, flattened: 1 on the edge that is dodged
    in full, 0 where subjects begin."""
    axis = np.minimum(np.arange(side), np.arange(side)[::-1])
    inset = np.minimum(*np.meshgrid(axis, axis)).ravel()
    ramp = np.clip((_FADED * side - inset) / ((_FADED - _DODGED) * side), 0.0, 1.0)
    ramp = ramp.astype(np.float32)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)
