"""Contrasts: which word of a prompt does the picture bear out, among all words of its kind?

A prompt of the canonical form is repeated with one word changed; the softmax over the picture's
similarities says how probable the asked word is among its rivals. It works for the words of the
studio vocabulary only: a prompt of another form has no contrasts, rather than guessed ones.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from studio.captions import SYNONYMS
from studio.vocabulary import CATEGORIES, COLOURS, COUNTS, MATERIALS

Attribute = Literal["count", "material", "colour", "category"]
ATTRIBUTES: Final[tuple[Attribute, ...]] = ("count", "material", "colour", "category")

_NUMBERS: Final = {1: "one", 2: "two"}
#: What two of a category are called.
_PLURALS: Final[dict[str, str]] = {category: names[0][1] for category, names in SYNONYMS.items()}
_SINGULARS: Final[dict[str, str]] = {plural: category for category, plural in _PLURALS.items()}


@dataclass(frozen=True, slots=True)
class Contrast:
    """One word of a prompt against its rivals."""

    asked: str
    probability: float
    """Of the asked word, 0..1."""
    seen: str
    """The most probable word: the asked one, or what it was mistaken for."""


class TextEmbedder(Protocol):
    """What of the scorer is needed here."""

    @property
    def logit_scale(self) -> float:
        """Inverse temperature of the model's softmax."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit embeddings (N, D)."""


@dataclass(frozen=True, slots=True)
class PromptWords:
    """A prompt of the canonical form, taken apart."""

    opening: str
    words: Mapping[Attribute, str]
    plural: bool
    ending: str

    def with_word(self, attribute: Attribute, word: str) -> str:
        """The whole prompt with one word exchanged; a noun keeps or takes its number."""
        words = {**self.words, attribute: word}
        plural = self.plural if attribute != "count" else word != _NUMBERS[1]
        noun = _PLURALS[words["category"]] if plural else words["category"]
        parts = [words[name] for name in ATTRIBUTES if name != "category" and name in words]
        return f"{self.opening}{' '.join([*parts, noun])}{self.ending}"


def rivals_of(attribute: Attribute) -> tuple[str, ...]:
    """All words of one kind."""
    if attribute == "count":
        return tuple(_NUMBERS[count] for count in COUNTS)
    return {"material": MATERIALS, "colour": COLOURS, "category": CATEGORIES}[attribute]


def words_of(prompt: str) -> PromptWords | None:
    """The words of "product photo of one matte red mug, ..."; None: another form.

    The count, the material and the colour stand in this order, and any of them may be missing.
    """
    found = _form().match(prompt)
    if found is None:
        return None
    noun = found["category"]
    words: dict[Attribute, str] = {name: found[name] for name in ATTRIBUTES if found[name]}
    words["category"] = _SINGULARS.get(noun, noun)
    return PromptWords(
        opening=found["opening"],
        words=words,
        plural=noun not in CATEGORIES,
        ending=found["ending"],
    )


def contrasts_of(
    embeddings: NDArray[np.float32], prompts: Sequence[str], embedder: TextEmbedder
) -> list[Mapping[Attribute, Contrast]]:
    """Contrasts of pictures, unit embeddings (N, D), with their N prompts; empty: another form."""
    taken = [words_of(prompt) for prompt in prompts]
    texts = sorted(
        {
            form.with_word(attribute, rival)
            for form in taken
            if form is not None
            for attribute in form.words
            for rival in rivals_of(attribute)
        }
    )
    if not texts:
        return [{} for _ in prompts]
    vectors = dict(zip(texts, embedder.embed_texts(texts), strict=True))
    return [
        {} if form is None else _contrasts(embedding, form, vectors, embedder.logit_scale)
        for embedding, form in zip(embeddings, taken, strict=True)
    ]


def _contrasts(
    embedding: NDArray[np.float32],
    form: PromptWords,
    vectors: Mapping[str, NDArray[np.float32]],
    scale: float,
) -> dict[Attribute, Contrast]:
    found: dict[Attribute, Contrast] = {}
    for attribute, asked in form.words.items():
        rivals = rivals_of(attribute)
        candidates = np.stack([vectors[form.with_word(attribute, rival)] for rival in rivals])
        logits = scale * (candidates @ embedding)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        found[attribute] = Contrast(
            asked=asked,
            probability=round(float(shares[rivals.index(asked)]), 5),
            seen=rivals[int(shares.argmax())],
        )
    return found


@lru_cache(maxsize=1)
def _form() -> re.Pattern[str]:
    def one_of(words: Sequence[str]) -> str:
        return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))

    nouns = [*CATEGORIES, *_SINGULARS]
    return re.compile(
        r"(?P<opening>(?:product photo of )?)"
        rf"(?:(?P<count>{one_of(list(_NUMBERS.values()))}) )?"
        rf"(?:(?P<material>{one_of(MATERIALS)}) )?"
        rf"(?:(?P<colour>{one_of(COLOURS)}) )?"
        rf"(?P<category>{one_of(nouns)})(?P<ending>(?:,.*)?)\Z"
    )
