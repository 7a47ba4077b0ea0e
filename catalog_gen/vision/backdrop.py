"""Cut a product out of a photo on a plain backdrop, by what can be measured.

The border says what the backdrop looks like (``judging.signals.subject``). Pixels that surely
depart from it, and pixels that surely continue it, are certain; a random walker decides between
them, so that the outline follows edges, which a soft shadow has not. Shadows lie at the foot of a
product: there, only colour or near-black make a pixel certain.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog_gen.judging.signals.colour import Lab
from catalog_gen.judging.signals.morphology import Mask, filled, grown, shrunk
from catalog_gen.judging.signals.standing import unsure_outline
from catalog_gen.judging.signals.subject import background_fit, background_of
from catalog_gen.vision.walker import subject_probability

#: Lengths below are in pixels of a photo with this longer side.
_SIDE: Final = 256
#: Departure from the backdrop, in CIELAB units, below which a pixel continues it: so many of its
#: spreads, within limits.
_SPREADS: Final = 4.0
_LOWEST: Final = 2.0
_HIGHEST: Final = 8.0
#: The foot begins so far down the product; further down for one as pale as its backdrop, whose
#: foot has nothing certain otherwise. "Pale": the median departure above it.
_FOOT: Final = 0.65
_PALE_FOOT: Final = 0.8
_PALE: Final = 45.0
#: In the foot a certain pixel is so much more colourful than the backdrop, brighter, or darker than
#: this share of its lightness: contact shadows reach a quarter of it, with some of the product's
#: hue.
_FOOT_CHROMA: Final = 25.0
_FOOT_BRIGHTER: Final = 3.0
_FOOT_DARKER: Final = 0.75
_FOOT_CUT: Final = 6.0
#: Enclosed backdrop of at least so many pixels is a hole (a handle's), a smaller one a highlight;
#: so is a larger one where colours change gradually around it: less than this share of what is
#: beside it is an edge, a step of so many CIELAB units.
_HOLE: Final = 80
_PINHOLE: Final = 15
_EDGED: Final = 0.5
_EDGE: Final = 8.0
#: A part below this share of the subject is a speck.
_SPECK: Final = 0.02
#: The outline is unsure where the picture hardly changes across it. Of 256 cutouts (version 1) of
#: held-out renders, those with at most this share of it unsure overlap the true mask by 0.967 on
#: average, the others by 0.84.
_UNSURE_SHARE: Final = 0.1
#: A border that explains less, or spreads more, is no backdrop; see ``judging.facts``.
_PLAIN_SPREAD: Final = 2.5
_PLAIN_SHARE: Final = 0.75


@dataclass(frozen=True, slots=True)
class Found:
    """A subject (H, W), or why there is none: a rule, and what would help."""

    mask: Mask
    problem: str = ""
    remedy: str = ""


def find_product(lab: Lab) -> Found:
    """The product before a plain backdrop, in CIELAB (H, W, 3)."""
    nothing = np.zeros(lab.shape[:2], dtype=bool)
    fit = background_fit(lab)
    if fit.spread > _PLAIN_SPREAD or fit.share < _PLAIN_SHARE:
        return Found(
            nothing,
            f"its border is no plain backdrop: colours spread by {fit.spread:.1f} CIELAB units "
            f"(at most {_PLAIN_SPREAD:g}) over {fit.share:.0%} of it (at least {_PLAIN_SHARE:.0%})",
            "Take a photo on white or grey, or set cutout.model to a segmentation model",
        )
    mask = _walked(lab)
    if not mask.any():
        return Found(
            nothing,
            "nothing in it departs from its backdrop",
            "Take a photo with more contrast, or set cutout.model to a segmentation model",
        )
    unsure = unsure_outline(lab, mask)
    if unsure > _UNSURE_SHARE:
        return Found(
            nothing,
            f"its product hardly differs from what is beside it along {unsure:.0%} of the outline "
            f"(at most {_UNSURE_SHARE:.0%})",
            "Take a photo on a backdrop of another lightness, or set cutout.model to a "
            "segmentation model",
        )
    return Found(mask)


def _walked(lab: Lab) -> Mask:
    unit = max(lab.shape[:2]) / _SIDE
    backdrop, spread = background_of(lab)
    difference = lab - backdrop
    departure = np.linalg.norm(difference, axis=2)
    low = float(np.clip(_SPREADS * spread, _LOWEST, _HIGHEST))
    near = departure < low
    behind = _touching_the_edge(near)
    departing = departure[~near]
    if not departing.size:
        return np.zeros(near.shape, dtype=bool)
    typical = _between_two_classes(departing)
    surely = departure > max(1.6 * low, 0.6 * typical)
    certain = surely & ~_foot(departure, surely, max(low, 0.5 * typical))
    certain |= surely & (_beyond_shadow(difference, backdrop) > _FOOT_CUT)
    thickness = max(1, round(unit))
    body = shrunk(certain, thickness)
    thin = certain & ~grown(body, thickness + 1)
    thin &= departure >= ndimage.maximum_filter(departure, 3)
    enclosed = _parts(near & ~behind, _HOLE * unit**2)
    holes = _edged(lab, enclosed)
    background = shrunk(behind, 1) | shrunk(holes, 1)
    subject = ((body | thin) & ~background) | shrunk(enclosed & ~holes, 1)
    if not subject.any():
        return np.zeros(near.shape, dtype=bool)
    mask: Mask = subject_probability(lab, subject, background) > 0.5
    whole = filled(mask)
    mask |= whole & ~mask & ~_parts(whole & ~mask, _PINHOLE * unit**2)
    return _parts(np.asarray(mask), max(_SPECK * float(mask.sum()), 2.0))


def _foot(departure: NDArray[np.float32], surely: Mask, cut: float) -> Mask:
    """Where the product's own shadow may lie: the rows of its lower part."""
    rows = np.flatnonzero(ndimage.binary_opening(departure > cut).any(axis=1))
    foot = np.zeros(departure.shape, dtype=bool)
    if not len(rows):
        return foot
    top, height = int(rows[0]), int(rows[-1] - rows[0])
    begin = top + round(_FOOT * height)
    above = surely[:begin]
    if above.any() and np.median(departure[:begin][above]) < _PALE:
        begin = top + round(_PALE_FOOT * height)
    foot[begin:] = True
    return foot


def _beyond_shadow(difference: Lab, backdrop: Lab) -> NDArray[np.float32]:
    """By how much a pixel departs further than a shadow does, in CIELAB units."""
    lightness = difference[..., 0]
    return np.asarray(
        np.sqrt(
            np.maximum(0, -lightness - _FOOT_DARKER * backdrop[..., 0]) ** 2
            + np.maximum(0, lightness - _FOOT_BRIGHTER) ** 2
            + np.maximum(0, np.hypot(difference[..., 1], difference[..., 2]) - _FOOT_CHROMA) ** 2
        )
    )


def _touching_the_edge(mask: Mask) -> Mask:
    labels, _ = ndimage.label(mask)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, edge[edge > 0])


def _edged(lab: Lab, mask: Mask) -> Mask:
    """The connected parts that an edge surrounds."""
    steep = np.zeros(mask.shape, dtype=bool)
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :])):
        step = np.linalg.norm(lab[one] - lab[other], axis=2) > _EDGE
        steep[one] |= step
        steep[other] |= step
    steep = grown(steep, 1)
    labels, count = ndimage.label(mask)
    found = np.zeros(mask.shape, dtype=bool)
    for number in range(1, count + 1):
        part = labels == number
        around = ndimage.binary_dilation(part, iterations=2) & ~part
        if steep[around].mean() >= _EDGED:
            found |= part
    return found


def _parts(mask: Mask, least: float) -> Mask:
    """The connected parts of at least so many pixels."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray((sizes >= least)[labels])


def _between_two_classes(values: NDArray[np.float32]) -> float:
    """Otsu's threshold: what parts the values into two classes of least spread."""
    counts, edges = np.histogram(values, bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middles)
    usable = (below > 0) & (above > 0)
    if not usable.any():
        return float(middles[0])
    low, high = below[usable], above[usable]
    gap = total[usable] / low - (total[-1] - total[usable]) / high
    return float(middles[usable][np.argmax(low * high * gap**2)])
