"""The canonical caption as data, so that it can be rendered again with another value."""

from collections.abc import Mapping
from typing import Any, Final

from catalog_gen.judging.contrasts import Phrasing, Rivals
from studio.captions import NUMBERS, canonical_caption
from studio.vocabulary import (
    CATEGORIES,
    COLOURS,
    COUNTS,
    MATERIALS,
    Angle,
    Background,
    Category,
    Colour,
    Material,
)

#: All words of the four attributes that a caption asks for.
RIVALS: Final = Rivals(
    closed={
        "category": CATEGORIES,
        "colour": COLOURS,
        "material": MATERIALS,
        "count": tuple(NUMBERS[count] for count in COUNTS),
    }
)
_COUNTS: Final = {word: count for count, word in NUMBERS.items()}


def canonical_phrasing(
    category: Category,
    colour: Colour,
    material: Material,
    background: Background,
    angle: Angle,
    count: int,
) -> Phrasing:
    """The canonical caption as a phrasing; its prompt is ``canonical_caption`` of the same."""

    def say(asked: Mapping[str, Any]) -> str:
        return canonical_caption(
            asked["category"],
            asked["colour"],
            asked["material"],
            background,
            angle,
            count_of(asked),
        )

    asked = {
        "category": category,
        "colour": colour,
        "material": material,
        "count": NUMBERS[count],
    }
    return Phrasing(asked, say, RIVALS)


def count_of(asked: Mapping[str, str]) -> int:
    """The number that is asked for."""
    return _COUNTS[asked["count"]]
