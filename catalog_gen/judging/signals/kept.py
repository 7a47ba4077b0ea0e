"""Kept signals: are the pixels that a method promised to keep the photo's, byte for byte?

"The photo" is the photo as it was prepared for the picture's size: decoded, converted to sRGB,
scaled to fit, centred on white. Its hash is stored with the measurement.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np

from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture


def _measure(picture: "Picture") -> dict[str, Value]:
    photo, kept = picture.reference, picture.kept
    if photo is None or kept is None:
        return dict.fromkeys(("kept_pixels", "kept_changed", "kept_product", "kept_of"))
    changed = (picture.pixels != photo).any(axis=2) & kept
    product = None if picture.coverage is None else picture.coverage > 127
    return {
        "kept_product": float(kept[product].mean())
        if product is not None and product.any()
        else None,
        "kept_pixels": int(kept.sum()),
        "kept_changed": int(changed.sum()),
        "kept_of": sha256(np.ascontiguousarray(photo).tobytes()).hexdigest(),
    }


SIGNAL: Final = Signal(
    facts={
        "kept_pixels": "pixels of the photo that the method promised to keep",
        "kept_product": "share of the product's pixels among them; none: they have no mask",
        "kept_changed": "of them those that are not the photo's, byte for byte",
    },
    measure=_measure,
    at_full_size=True,
)
