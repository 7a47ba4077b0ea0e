"""A product's attributes as its photo shows them: what a caption says, in a dialect's words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

from catalog_gen.dialects.attributes import Count
from catalog_gen.dialects.dialect import Dialect
from catalog_gen.vision.captioner import Caption

#: What the caption says of the picture itself: "a close-up photo of".
_OPENING: Final = re.compile(
    r".*?\b(?:photo|photograph|picture|image|close[- ]?up|view|shot|render|packshot) of\b"
)
#: What follows describes something else than the product: "red mug, white background".
_ELSEWHERE: Final = re.compile(r",|\b(?:on|against|with|in front of|next to)\b")
_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
#: Words of a name, at most: "over-ear headphones", "wireless gaming mouse".
_LONGEST: Final = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """An attribute's word and the probability that the caption's own words have, 0..1."""

    word: str
    confidence: float


def seen_in(caption: Caption, dialect: Dialect) -> dict[str, Seen]:
    """What a caption says of the product, by attribute; what it does not say is absent.

    The confidence is that of the fewest words that name the attribute.
    """
    text = "".join(each.text for each in caption.pieces).lower()
    opening = _OPENING.match(text)
    first = opening.end() if opening else 0
    subject = _ELSEWHERE.split(text[first:], maxsplit=1)[0]
    found = {}
    for name, attribute in dialect.attributes.items():
        spoken = attribute.spoken if isinstance(attribute, Count) else None
        # "Two red pairs of headphones": what stands before "of" may name nothing.
        heads = [] if spoken is not None else [subject, subject.rpartition(" of ")[2]]
        whole = next(filter(None, map(attribute.named_in, heads)), "")
        if spoken is None and not whole:
            continue  # nothing is named, or it is ambiguous
        for start, end in _phrases(subject):
            phrase = subject[start:end]
            if spoken is not None and not (phrase.isdecimal() or phrase in spoken):
                continue
            word = attribute.named_in(phrase)
            if word and word == (whole or word):
                found[name] = Seen(word, _probability(caption, first + start, first + end))
                break
    return found


def _phrases(text: str) -> Iterator[tuple[int, int]]:
    """Where phrases stand, single words first."""
    words = [match.span() for match in _WORD.finditer(text)]
    for length in range(1, _LONGEST + 1):
        for first in range(len(words) - length + 1):
            yield words[first][0], words[first + length - 1][1]


def _probability(caption: Caption, start: int, end: int) -> float:
    """The probability of the pieces that lie in these characters of the caption's text."""
    kept, place = [], 0
    for piece in caption.pieces:
        begin, place = place, place + len(piece.text)
        if begin < end and place > start and piece.text.strip():
            kept.append(piece.probability)
    return prod(kept)
