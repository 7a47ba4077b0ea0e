"""Contrasts: which value of an attribute does the picture show, among the asked one and its rivals?

The prompt is rendered again with one asked value exchanged; the softmax over the picture's
similarities gives the probability of the asked value (zero-shot classification, Radford et al.
2021). This works for any template, any attribute and any CLIP.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.signals.colour import BASIC_COLOURS, basic_colour

#: Values that are common in shops, where the model's vocabulary is open.
_COMMON: Final[Mapping[str, tuple[str, ...]]] = {
    "colour": BASIC_COLOURS,
    "material": ("wood", "metal", "glass", "plastic", "fabric", "leather", "ceramic"),
}
_COUNT_WORDS: Final = ("one", "two")
_COUNT_DIGITS: Final = ("1", "2")


@dataclass(frozen=True, slots=True)
class Contrast:
    """One asked value against its rivals."""

    asked: str
    probability: float
    """Probability of the asked value, 0..1."""
    seen: str
    """The most probable value: the asked one, or what it was mistaken for."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """The values that could have been asked instead.

    Attributes:
        closed: the model's closed vocabularies, by attribute; these values are the only rivals.
        catalog: for open vocabularies, the values that the view asks of other products.
    """

    closed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    catalog: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, attribute: str, asked: str) -> list[str]:
        """The values of an attribute to choose among, including the asked one.

        In an open vocabulary, another spelling or shade of the asked value is no rival.
        """
        if attribute in self.closed:
            return list(dict.fromkeys((*self.closed[attribute], asked)))
        others: dict[str, str] = {}
        for value in (*self.catalog.get(attribute, ()), *_common(attribute, asked)):
            if value and not _same(attribute, value, asked):
                others.setdefault(value.casefold(), value)
        return [asked, *others.values()]


@dataclass(frozen=True, eq=False, slots=True)
class Phrasing:
    """What a picture was asked to show, as data, and the template that puts it into words.

    Attributes:
        asked: attribute to value; '' asks for nothing.
        say: renders the prompt for given values.
        rivals: what could have been asked instead.
    """

    asked: Mapping[str, str]
    say: Callable[[Mapping[str, str]], str]
    rivals: Rivals

    @property
    def prompt(self) -> str:
        return self.say(self.asked)

    def asking(self, attribute: str, value: str) -> "Phrasing":
        """A copy with one value exchanged."""
        return replace(self, asked={**self.asked, attribute: value})


class TextEmbedder(Protocol):
    """The part of the scorer that contrasts need."""

    @property
    def logit_scale(self) -> float:
        """Inverse temperature of the model's softmax."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit embeddings (N, D)."""


#: The prompts to choose among, by attribute and value; the asked value is among them.
_Choices = Mapping[str, Mapping[str, str]]


def contrasts_of(
    embeddings: NDArray[np.float32], phrasings: Sequence[Phrasing | None], embedder: TextEmbedder
) -> list[dict[str, Contrast]]:
    """Contrasts of N pictures, unit embeddings (N, D), by asked attribute.

    A picture without a known phrasing (None) has no contrasts, nor has an attribute whose exchange
    doesn't change the prompt. Pictures of one wish share a phrasing, whose texts are embedded once.
    """
    choices = {each: _choices(each) for each in {*phrasings} if each is not None}
    texts = sorted(
        {text for each in choices.values() for values in each.values() for text in values.values()}
    )
    if not texts:
        return [{} for _ in phrasings]
    vectors = dict(zip(texts, embedder.embed_texts(texts), strict=True))
    return [
        {}
        if phrasing is None
        else _contrasts(embedding, phrasing, choices[phrasing], vectors, embedder.logit_scale)
        for embedding, phrasing in zip(embeddings, phrasings, strict=True)
    ]


def _choices(phrasing: Phrasing) -> _Choices:
    found: dict[str, dict[str, str]] = {}
    own = phrasing.prompt
    for attribute, asked in phrasing.asked.items():
        if not asked:
            continue
        values = {
            value: phrasing.asking(attribute, value).prompt
            for value in phrasing.rivals.of(attribute, asked)
        }
        distinct = {value: text for value, text in values.items() if value == asked or text != own}
        if len(distinct) > 1:
            found[attribute] = distinct
    return found


def _contrasts(
    embedding: NDArray[np.float32],
    phrasing: Phrasing,
    choices: _Choices,
    vectors: Mapping[str, NDArray[np.float32]],
    scale: float,
) -> dict[str, Contrast]:
    found: dict[str, Contrast] = {}
    for attribute, texts in choices.items():
        values, asked = list(texts), phrasing.asked[attribute]
        candidates = np.stack([vectors[text] for text in texts.values()])
        logits = scale * (candidates @ embedding)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        found[attribute] = Contrast(
            asked=asked,
            probability=round(float(shares[values.index(asked)]), 5),
            seen=values[int(shares.argmax())],
        )
    return found


def _common(attribute: str, asked: str) -> tuple[str, ...]:
    if attribute == "count":
        return _COUNT_DIGITS if asked.isdecimal() else _COUNT_WORDS
    return _COMMON.get(attribute, ())


def _same(attribute: str, value: str, asked: str) -> bool:
    """Whether two values of an open vocabulary look alike: a picture can't tell them apart."""
    if value.casefold() == asked.casefold():
        return True
    if attribute != "colour":
        return False
    basic = basic_colour(asked)
    return basic is not None and basic_colour(value) == basic
