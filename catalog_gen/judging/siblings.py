"""Variants of one product against each other: is each in its own colour?

One picture that fits its colour badly may just be bad; two that fit better when exchanged were
swapped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Final

import numpy as np

from catalog_gen.judging.signals.colour import distance_to_word
from catalog_gen.store.consistency import Sibling

#: Least gain in CIEDE2000 per picture from exchanging: neighbouring shades in the studio's light
#: differ by less.
CLEARLY: Final = 8.0


@dataclass(frozen=True, slots=True)
class Swapped:
    """Two siblings whose pictures fit each other's colour; ``gain`` is CIEDE2000 a picture."""

    view: str
    first: str
    second: str
    gain: float


def swapped_siblings(pictures: Iterable[Sibling]) -> list[Swapped]:
    """Pairs of one group and view that fit better when exchanged.

    ``pictures`` come sorted by group and view. A colour that no word of the table names is left
    out, and so is a pair that was asked for in one colour.
    """
    found = []
    for (_, view), alike in groupby(pictures, key=lambda each: (each.group_id, each.view)):
        for one, other in combinations(alike, 2):
            own = _sum(_distance(one, one), _distance(other, other))
            crossed = _sum(_distance(one, other), _distance(other, one))
            if own is not None and crossed is not None and own - crossed > 2 * CLEARLY:
                gain = (own - crossed) / 2
                found.append(Swapped(view, one.product_id, other.product_id, gain))
    return found


def _distance(seen: Sibling, asked: Sibling) -> float | None:
    return distance_to_word(np.array(seen.lab), asked.colour)


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
