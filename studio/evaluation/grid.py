"""The combinations of an evaluation: all of them, or a subset balanced in every attribute."""

import random
from dataclasses import replace
from typing import TypeVar

from studio.attributes import Wish, every_wish
from studio.vocabulary import (
    ANGLES,
    BACKGROUNDS,
    CATEGORIES,
    COLOURS,
    COUNTS,
    HELD_OUT_PAIRS,
    MATERIALS,
)

_Class = TypeVar("_Class")


def balanced_wishes(count: int | None, seed: int = 0) -> list[Wish]:
    """``count`` combinations in which all classes of an attribute are equally frequent, give or
    take one; all 5,760 if ``count`` is None or not smaller. A subset may contain duplicates."""
    everything = every_wish()
    if count is None or count >= len(everything):
        return everything
    chance = random.Random(f"grid {seed}")

    def column(classes: tuple[_Class, ...]) -> list[_Class]:
        values = [classes[place % len(classes)] for place in range(count)]
        chance.shuffle(values)
        return values

    # Categories in turn, so that any beginning of the list is balanced in them, too.
    names = [CATEGORIES[place % len(CATEGORIES)] for place in range(count)]
    return [
        Wish(*values)
        for values in zip(
            names,
            column(COLOURS),
            column(MATERIALS),
            column(BACKGROUNDS),
            column(ANGLES),
            column(COUNTS),
            strict=True,
        )
    ]


def held_out_wishes(count: int, seed: int = 0) -> list[Wish]:
    """``balanced_wishes`` with only pairs of category and colour that the generator never saw."""
    pairs = sorted(HELD_OUT_PAIRS)
    return [
        replace(wish, category=pairs[place % len(pairs)][0], colour=pairs[place % len(pairs)][1])
        for place, wish in enumerate(balanced_wishes(count, seed + 1))
    ]
