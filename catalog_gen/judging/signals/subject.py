"""Subject signals: the mask of the foreground, its box, its parts and its placement.

It needs no model: a product picture has its background along the border, so whatever departs from
a continuation of the border is the subject. It does not say what the subject is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from catalog_gen.judging.signals.colour import Lab
from catalog_gen.judging.signals.morphology import Mask, filled, grown, shrunk
from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: Width of the border that the background is estimated from, as a share of the shorter side.
_BORDER: Final = 0.04
#: A pixel this many spreads away from the background belongs to the subject. Limits in CIELAB units
#: exclude the noise of an even background and include a white product on white.
_SPREADS: Final = 4.0
_LOWEST_CUT: Final = 3.0
_HIGHEST_CUT: Final = 12.0
#: Colour difference between the left and the right border of a row that no lighting explains.
_SIDES_DISAGREE: Final = 12.0
#: A smaller share of the subject is a speck, not a part.
_SMALLEST_PART: Final = 0.04
#: A smaller share of the picture doesn't count as a subject.
_SMALLEST_SUBJECT: Final = 0.002
#: Soft shadows and pools of light: at most this much darker or brighter than the background (L*),
#: this much more colourful, and this steep (L* a pixel).
_SHADOW_DEPTH: Final = 22.0
_POOL_HEIGHT: Final = 10.0
_SOFT_CHROMA: Final = 6.0
_SOFT_SLOPE: Final = 2.2


@dataclass(frozen=True, slots=True)
class BackgroundFit:
    """How well a background explains the border; poorly in a scene that fills the frame."""

    spread: float
    """Spread of border pixels around the background, CIELAB units: under 2.5 with a studio
    backdrop or table, above in most other photographs."""
    share: float
    """Share of border pixels within ``_HIGHEST_CUT`` of the background, 0..1; a product that is cut
    off covers the rest."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Size and position of the subject in the picture."""

    area: float
    """Share of the picture's pixels, 0..1."""
    fill: float
    """Longer side of the subject's box over the picture's side along it, 0..1."""
    off_centre: float
    """Distance of the box's middle from the picture's, over half the picture's diagonal, 0..1."""
    edge_contact: float
    """Share of the picture's outermost pixels that belong to the subject, 0..1."""
    parts: int
    """Connected parts of the subject; specks don't count."""


def background_of(lab: Lab) -> tuple[Lab, float]:
    """The background (H, W, 3) that the border suggests, and its spread around it in CIELAB units.

    Each row runs from the colour of its left border to that of its right one, which follows
    lighting, tables and horizons. The corners show how lighting makes the two sides differ; where
    they differ otherwise, a cut-off subject covers one side, and the other one replaces it.
    """
    height, width, _ = lab.shape
    ring = max(2, round(_BORDER * min(height, width)))
    left, right = (
        scipy.ndimage.median_filter(np.median(side, axis=1), size=(5, 1), mode="nearest")
        for side in (lab[:, :ring], lab[:, -ring:])
    )
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    expected = _between((left - right)[:ring], (left - right)[-ring:], down)
    covered = np.linalg.norm(left - right - expected, axis=1) > _SIDES_DISAGREE
    left_off, right_off = (
        np.linalg.norm(side - _between(side[:ring], side[-ring:], down), axis=1)
        for side in (left, right)
    )
    on_left = (covered & (left_off > right_off))[:, None]
    on_right = (covered & (left_off <= right_off))[:, None]
    left, right = (
        np.where(on_left, right + expected, left),
        np.where(on_right, left - expected, right),
    )
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    background = left[:, None] * (1 - across) + right[:, None] * across
    away = np.linalg.norm(lab - background, axis=2)
    border = np.concatenate(
        [away[:ring].ravel(), away[-ring:].ravel(), away[:, :ring].ravel(), away[:, -ring:].ravel()]
    )
    return background.astype(np.float32), 1.4826 * float(np.median(border))


def background_fit(lab: Lab) -> BackgroundFit:
    """How well the continuation of its border explains a picture in CIELAB (H, W, 3)."""
    background, spread = background_of(lab)
    ring = max(2, round(_BORDER * min(lab.shape[:2])))
    border = np.ones(lab.shape[:2], dtype=bool)
    border[ring:-ring, ring:-ring] = False
    away = np.linalg.norm(lab - background, axis=2)[border]
    return BackgroundFit(spread=spread, share=float((away < _HIGHEST_CUT).mean()))


def _between(first: Lab, last: Lab, share: NDArray[np.float32]) -> Lab:
    """From the mean of the first rows to the mean of the last ones, (H, 3)."""
    return np.asarray(first.mean(axis=0) * (1 - share) + last.mean(axis=0) * share)


def subject_mask(lab: Lab) -> Mask:
    """The subject of a picture in CIELAB (H, W, 3), as (H, W); empty if nothing stands out.

    Pixels that differ from the background by several of its spreads belong to the subject; soft
    shadows and specks are removed, holes filled.
    """
    background, spread = background_of(lab)
    difference = lab - background
    distance = np.linalg.norm(difference, axis=2)
    cut = float(np.clip(_SPREADS * spread, _LOWEST_CUT, _HIGHEST_CUT))
    mask = (distance > cut) & ~_soft_light(lab, difference)
    # A frame of background lets the morphology treat the picture's edge like any other place.
    mask = filled(shrunk(grown(np.pad(mask, 2))))
    mask = grown(shrunk(mask))[2:-2, 2:-2]
    labels, count = scipy.ndimage.label(mask)
    if not count:
        return np.zeros(mask.shape, dtype=bool)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = sizes >= max(_SMALLEST_PART * sizes.sum() / 2, _SMALLEST_SUBJECT * mask.size)
    return np.asarray(large[labels])


def _soft_light(lab: Lab, difference: Lab) -> Mask:
    """Where only light differs from the background, without an edge: shadows, pools of light."""
    lightness = lab[..., 0]
    slope = np.hypot(
        scipy.ndimage.sobel(lightness, axis=0, mode="nearest"),
        scipy.ndimage.sobel(lightness, axis=1, mode="nearest"),
    )
    within = (difference[..., 0] > -_SHADOW_DEPTH) & (difference[..., 0] < _POOL_HEIGHT)
    neutral = np.hypot(difference[..., 1], difference[..., 2]) < _SOFT_CHROMA
    return np.asarray(within & neutral & (slope < 8 * _SOFT_SLOPE))


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
    labels, count = scipy.ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return int((sizes >= _SMALLEST_PART * sizes.sum()).sum()) if count else 0


def _measure(picture: "Picture") -> dict[str, Value]:
    placement = placement_of(picture.mask)
    behind = background_fit(picture.lab)
    return {
        "backdrop_spread": behind.spread,
        "backdrop_share": behind.share,
        "area": placement.area,
        "fill": placement.fill,
        "off_centre": placement.off_centre,
        "edge_contact": placement.edge_contact,
        "parts": placement.parts,
        "extra_parts": max(0, placement.parts - picture.asked.count),
    }


SIGNAL: Final = Signal(
    facts={
        "backdrop_spread": "of border pixels around the background that they suggest, CIELAB units",
        "backdrop_share": "share of border pixels that such a background explains, 0..1",
        "area": "share of the picture's pixels that are subject, 0..1",
        "fill": "longer side of the subject's box over the picture's side along it, 0..1",
        "off_centre": "distance of the box's middle from the picture's, over half its diagonal",
        "edge_contact": "share of the picture's outermost pixels that are subject, 0..1",
        "parts": "connected parts of the subject",
        "extra_parts": "parts beyond the asked number of products",
    },
    measure=_measure,
    on_backdrop=frozenset({"area", "fill", "off_centre", "edge_contact", "parts", "extra_parts"}),
)
