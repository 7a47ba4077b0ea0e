"""Standing signals: how a product that was kept stands in what was drawn around it.

A shop that judged a million such pictures found four faults (RFNet, https://arxiv.org/abs/2408.00418):
the product floats or stands on the wrong plane, has the wrong size, can't be told from what is
around it, or has grown parts that are not its own. Size is a matter of the frame (``subject``): how
large the things in a drawn scene are is not measured. All of it needs the product's mask.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from catalog_gen.diffusion.grounds import cleared
from catalog_gen.judging.signals.colour import Lab
from catalog_gen.judging.signals.morphology import Mask, grown
from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: Colours a little inside and outside of an outline are one if they differ by less, CIELAB units.
_ALIKE: Final = 6.0
#: Lengths as shares of the longer side: how far around the product its parts are looked for, the
#: seam that belongs to neither, and the strip beneath its foot.
_AROUND: Final = 0.12
_SEAM: Final = 0.012
_STRIP: Final = 0.025
#: A shadow keeps at least this share of the ground's light.
_DARKEST: Final = 0.35
#: A pixel so far from all that light can make of the ground is something else, CIELAB units.
_SOMETHING: Final = 12.0
#: The bands above and below an edge whose mean colours tell two planes apart, over the height.
_BAND: Final = 0.06
#: Two planes differ by so much, CIELAB units; the boards of one table by less.
_PLANES: Final = 12.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A kept product in its picture."""

    contact: float | None
    """How much darker the ground is right beneath its foot than beside it, as a share of the
    ground's lightness; a product that floats has no shadow there. None: the foot is cut off."""
    plane_below: float
    """How far below its foot another plane begins, over the picture's height; 0: none does."""
    indistinct: float
    """Share of its outline across which the picture hardly changes, 0..1."""
    grown: float
    """Area of what is attached to it and is neither it nor lit ground, over its own area."""


def standing_of(lab: Lab, product: Mask) -> Standing:
    """A kept product (H, W) in a picture in CIELAB (H, W, 3)."""
    ground = cleared(lab, product.astype(np.float32))
    return Standing(
        contact=_contact(lab, ground, product),
        plane_below=_plane_below(ground, product),
        indistinct=unsure_outline(lab, product),
        grown=_grown(lab, ground, product),
    )


def unsure_outline(lab: Lab, mask: Mask) -> float:
    """The share of a mask's outline, 0..1, across which the picture hardly changes."""
    inside = ndimage.distance_transform_edt(mask)
    beyond = ndimage.distance_transform_edt(~mask)
    inner, outer = (inside > 1) & (inside <= 2.5), (beyond > 1) & (beyond <= 2.5)
    if not inner.any() or not outer.any():
        return 0.0
    across = ndimage.distance_transform_edt(~outer, return_distances=False, return_indices=True)
    step = np.linalg.norm(lab - lab[tuple(across)], axis=2)[inner]
    return float((step < _ALIKE).mean())


def _contact(lab: Lab, ground: Lab, product: Mask) -> float | None:
    """The deepest shadow right beneath what stands lowest."""
    height, _ = product.shape
    side = max(product.shape)
    strip = max(2, round(_STRIP * side))
    seam = max(1, round(_SEAM * side))
    rows = np.flatnonzero(product.any(axis=1))
    foot = int(rows[-1])
    if foot + seam + strip >= height:
        return None
    # The columns in which the product reaches down to its foot, or nearly so.
    lowest = height - 1 - product[::-1].argmax(axis=0)
    columns = np.flatnonzero(product.any(axis=0) & (lowest >= foot - 2 * strip))
    drops = []
    for column in columns:
        beneath = slice(lowest[column] + seam, lowest[column] + seam + strip)
        before, now = ground[beneath, column, 0], lab[beneath, column, 0]
        if len(now):
            drops.append(1 - float(now.mean()) / max(float(before.mean()), 1.0))
    return float(np.median(drops)) if drops else None


def _plane_below(ground: Lab, product: Mask) -> float:
    """Where the colour of the ground changes for good, if that is below the foot."""
    height = len(ground)
    band = max(3, round(_BAND * height))
    foot = int(np.flatnonzero(product.any(axis=1))[-1])
    rows = np.median(ground, axis=1)
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(rows, axis=0)])
    places = np.arange(max(band, foot + 1), height - band)
    above = (total[places] - total[places - band]) / band
    below = (total[places + band] - total[places]) / band
    change = np.linalg.norm(above - below, axis=1)
    if not len(change) or change.max() < _PLANES:
        return 0.0
    return float(places[change.argmax()] - foot) / height


def _grown(lab: Lab, ground: Lab, product: Mask) -> float:
    """Connected to the product, and off the ray from black to the ground's colour."""
    side = max(product.shape)
    seam = grown(product, max(2, round(_SEAM * side)))
    near = grown(product, round(_AROUND * side)) & ~seam
    length = np.maximum((ground**2).sum(axis=2), 1e-3)
    light = np.clip((lab * ground).sum(axis=2) / length, _DARKEST, 1.0)
    other = near & (np.linalg.norm(lab - light[..., None] * ground, axis=2) > _SOMETHING)
    other = ndimage.binary_opening(other)
    labels, _ = ndimage.label(other | seam)
    own = np.unique(labels[product])
    attached = np.isin(labels, own[own > 0]) & other
    return float(attached.sum() / max(int(product.sum()), 1))


def _measure(picture: "Picture") -> dict[str, Value]:
    if picture.coverage is None or not picture.mask.any():
        return dict.fromkeys(("contact", "plane_below", "indistinct", "grown"))
    standing = standing_of(picture.lab, picture.mask)
    return {
        "contact": standing.contact,
        "plane_below": standing.plane_below,
        "indistinct": standing.indistinct,
        "grown": standing.grown,
    }


SIGNAL: Final = Signal(
    facts={
        "contact": "how much darker the ground is beneath a kept product's foot, as a share",
        "plane_below": "how far below a kept product's foot another plane begins, over the height",
        "indistinct": "share of a kept product's outline across which the picture hardly changes",
        "grown": "area of foreign parts attached to a kept product, over its own",
    },
    measure=_measure,
)
