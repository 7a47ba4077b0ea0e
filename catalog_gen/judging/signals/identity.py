"""Identity signals: is the drawn product still the one of the photo that it started from?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.signals.colour import ciede2000
from catalog_gen.judging.signals.signal import Signal, Value
from catalog_gen.judging.signals.subject import subject_mask

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture


@dataclass(frozen=True, slots=True)
class Identity:
    """How a drawn subject compares with the reference's."""

    overlap: float
    """Intersection over union of the two masks, 0..1."""
    colour_change: float
    """CIEDE2000 between the subjects' mean colours; below 5 is the same product's colour."""


def identity_of(
    lab: NDArray[np.float32],
    mask: NDArray[np.bool_],
    reference_lab: NDArray[np.float32],
    reference_mask: NDArray[np.bool_],
) -> Identity | None:
    """Compare two pictures of one size, (H, W, 3) in CIELAB; None: one shows no subject."""
    if not (mask.any() and reference_mask.any()):
        return None
    overlap = (mask & reference_mask).sum() / (mask | reference_mask).sum()
    change = ciede2000(lab[mask].mean(axis=0), reference_lab[reference_mask].mean(axis=0))
    return Identity(float(overlap), float(change))


def embedding_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """1 minus the cosine of two unit embeddings, 0..2: 0 the same."""
    return float(1 - one @ other)


def _measure(picture: "Picture") -> dict[str, Value]:
    photo = picture.reference_lab
    # A product that was kept is the photo's by proof (``kept``), whatever stands around it.
    if photo is None or picture.coverage is not None:
        identity = None
    else:
        identity = identity_of(picture.lab, picture.mask, photo, subject_mask(photo))
    return {
        "identity_overlap": identity.overlap if identity else None,
        "identity_colour": identity.colour_change if identity else None,
    }


SIGNAL: Final = Signal(
    facts={
        "identity_overlap": "intersection over union of the subject and the photo's, 0..1",
        "identity_colour": "CIEDE2000 between the two subjects' mean colours",
    },
    measure=_measure,
)
