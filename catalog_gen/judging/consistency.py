"""Do the pictures of a shop fit each other? Variants of a group, a category, colours of siblings.

Each picture may be good on its own and still be wrong beside the others. Here pictures are compared
by what was measured on them; nothing is drawn, rejected or read, and no picture loses points.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

import numpy as np

from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.signals.colour import known_colour, subject_colour

CompareBy = Literal["fill", "off_centre", "border_lightness", "unevenness"]

#: How far apart variants may be, largest minus smallest. Twice the widest spread that was seen in
#: 43 groups of the sample shop: shares of the frame's side, and L* of the border.
WIDEST_SPREAD: Final[dict[CompareBy, float]] = {
    "fill": 0.12,
    "off_centre": 0.08,
    "border_lightness": 5.0,
    "unevenness": 4.0,
}
#: A modified z-score above this is an outlier (B. Iglewicz and D. C. Hoaglin, "How to Detect and
#: Handle Outliers", 1993).
MOST_Z: Final = 3.5
#: Fewer pictures than this have no usual look.
FEWEST: Final = 5
#: CIEDE2000 by which a sibling's colour has to be nearer than the asked one: just visible is 1, and
#: light on a product changes it by several.
CLEARLY_NEARER: Final = 5.0
#: CIEDE2000 within which a picture has a colour; farther off it has neither, which is no swap.
HAS_COLOUR: Final = 15.0
_NAMES: Final[dict[CompareBy, str]] = {
    "fill": "fill",
    "off_centre": "distance from the centre",
    "border_lightness": "lightness of the background",
    "unevenness": "unevenness of the background",
}


@dataclass(frozen=True, slots=True)
class ComparedPicture:
    """A picture with what it is compared by; ``colour`` is the asked one, '': nobody asked."""

    product_id: str
    view: str
    group_id: str
    category: str
    colour: str
    signals: Signals


@dataclass(frozen=True, slots=True)
class Misfit:
    """A picture that does not fit the others, and why."""

    product_id: str
    view: str
    why: str


def uneven_groups(pictures: Iterable[ComparedPicture]) -> list[Misfit]:
    """In each group and view whose framing or light differs: the picture farthest from the rest."""
    found: list[Misfit] = []
    for group in _alike(pictures, lambda each: each.group_id):
        for name, widest in WIDEST_SPREAD.items():
            values = [_value(each, name) for each in group]
            spread = max(values) - min(values)
            if spread <= widest:
                continue
            usual = median(values)
            far = max(group, key=lambda each: abs(_value(each, name) - usual))
            found.append(
                Misfit(
                    far.product_id,
                    far.view,
                    f"{_NAMES[name]} {_value(far, name):.3g}, while the {len(group)} variants of "
                    f"{far.group_id} span {min(values):.3g} to {max(values):.3g} "
                    f"(at most {widest:g} apart)",
                )
            )
    return found


def category_outliers(pictures: Iterable[ComparedPicture]) -> list[Misfit]:
    """Pictures that are framed or lit unlike nearly all others of their category and view.

    The modified z-score is 0.6745 (x - median) / MAD, with the median absolute deviation held to a
    quarter of what variants of a group may differ by: tiny differences among pictures that are all
    but equal are no news.
    """
    found: list[Misfit] = []
    for category in _alike(pictures, lambda each: each.category, fewest=FEWEST):
        for name, widest in WIDEST_SPREAD.items():
            values = np.array([_value(each, name) for each in category])
            usual = float(np.median(values))
            deviation = max(float(np.median(np.abs(values - usual))), widest / 4)
            for each, value in zip(category, values, strict=True):
                z = 0.6745 * abs(value - usual) / deviation
                if z > MOST_Z:
                    found.append(
                        Misfit(
                            each.product_id,
                            each.view,
                            f"{_NAMES[name]} {value:.3g}, while {len(category)} pictures of "
                            f"{each.category!r} have {usual:.3g} in the middle "
                            f"(z-score {z:.1f}, at most {MOST_Z:g})",
                        )
                    )
    return found


def swapped_colours(pictures: Iterable[ComparedPicture]) -> list[Misfit]:
    """Pictures that have the colour that a sibling of the group was asked for, not their own.

    A picture whose asked colour is in no table, or whose siblings all share it, is not compared.
    """
    found: list[Misfit] = []
    for group in _alike(pictures, lambda each: each.group_id):
        asked = {known: each.colour for each in group if (known := known_colour(each.colour))}
        for each in group:
            own = known_colour(each.colour)
            if own is None or each.signals.colour_lab is None:
                continue
            distances = {word: _distance(each.signals.colour_lab, word) for word in asked}
            nearest = min(distances, key=lambda word: distances[word])
            lead = distances[own] - distances[nearest]
            if lead > CLEARLY_NEARER and distances[nearest] <= HAS_COLOUR:
                found.append(
                    Misfit(
                        each.product_id,
                        each.view,
                        f"asked for {each.colour}, and nearer to a sibling's {asked[nearest]}: "
                        f"CIEDE2000 {distances[own]:.1f} to its own colour, "
                        f"{distances[nearest]:.1f} to the other",
                    )
                )
    return found


def _alike(
    pictures: Iterable[ComparedPicture], key: Callable[[ComparedPicture], str], fewest: int = 2
) -> Iterator[Sequence[ComparedPicture]]:
    """Pictures of one view with the same key, in the order of view and key; '' is no key."""
    found: dict[tuple[str, str], list[ComparedPicture]] = defaultdict(list)
    for each in pictures:
        if key(each):
            found[each.view, key(each)].append(each)
    for _, alike in sorted(found.items()):
        if len(alike) >= fewest:
            yield alike


def _value(each: ComparedPicture, name: CompareBy) -> float:
    return float(getattr(each.signals, name))


def _distance(lab: tuple[float, float, float], word: str) -> float:
    """CIEDE2000 (k_L = 2) from a dominant colour to the nearest look of a known word."""
    pixel = np.array([[lab]], dtype=np.float32)
    colour = subject_colour(pixel, np.ones((1, 1), dtype=np.bool_), word)
    assert colour is not None
    assert colour.delta_e is not None
    return colour.delta_e
