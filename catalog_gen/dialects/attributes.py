"""Translates a shop's words into a model's: by head noun, single word, first word, or number.

An ambiguous word is treated as unknown: a wrong word would draw a wrong picture, while an unknown
one only leaves the product out, with a reason. All word tables come from the dialect's file.
Product text may be long, so everything here runs in linear time.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Final, Literal

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.dialects.text import Phrases, one_of, words_in

#: Longest text, in characters, whose result is cached.
_SHORT: Final = 60
#: Placeholder for the number in ``Count.packs``.
_SLOT: Final = "#"

Names = Annotated[
    dict[str, tuple[str, ...]],
    Field(min_length=1, description="the model's words, with the shop's words for each"),
]


class _Attribute(Chosen, ABC):
    """Base of the ways to read one attribute."""

    required: bool = Field(
        True, description="whether a product can't be drawn without a known word, if asked"
    )
    unsaid: str = Field("", description="the model's word if the shop gives no value")

    @property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """All words that the model knows, in the file's order."""

    @abstractmethod
    def named_in(self, text: str) -> str:
        """The model's word for what a text names; '' if unknown or ambiguous."""

    def word(self, own: str, *others: str) -> str:
        """The model's word for an attribute's own value or, if that is empty, for the other texts.

        An unknown own value stays unknown: the other texts are not searched.
        """
        text = own or next(filter(None, others), "")
        return self._named_in(text) or ("" if own else self.unsaid)

    def _named_in(self, text: str) -> str:
        """``named_in``, cached for short texts: a shop has few colours and many products."""
        return self.named_in(text) if len(text) > _SHORT else self._remembered(text)

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(maxsize=1024)(self.named_in)


class Thing(_Attribute):
    """The product type: the head noun of a title, or of the last part of a category path.

    In a title, the last known noun before any further description counts, unless a following word
    makes it something else ("chair cushion"). Two coordinated nouns ("Vases & Bowls") are
    ambiguous.
    """

    reads: Literal["thing"]
    names: Names
    others: tuple[str, ...] = Field(
        (), description="things that end in a name and are something else, and accessories"
    )
    absorbs: dict[str, tuple[str, ...]] = Field(
        {}, description="'Eau de Parfum Bottle' is a perfume bottle: it absorbs a bottle behind it"
    )
    openings: tuple[str, ...] = Field((), description="what may stand before the name: 'set of'")
    tails: tuple[str, ...] = Field((), description="words that begin a further description: 'with'")
    joints: tuple[str, ...] = Field((), description="words between two things: 'and'")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(self.names)

    def word(self, own: str, *others: str) -> str:
        """The first of the texts that names a known thing decides."""
        found = (self._named_in(text) for text in (own, *others) if text)
        return next(filter(None, found), "" if own else self.unsaid)

    def named_in(self, text: str) -> str:
        part = self._opening.sub("", text.rpartition(">")[2].lower())
        head = self._tail.split(part, maxsplit=1)[0]
        found = {self._head_noun(each) for each in self._joint.split(head)} - {""}
        return found.pop() if len(found) == 1 else ""

    def _head_noun(self, text: str) -> str:
        noun = ""
        for meaning in self._phrases.found(words_in(text)):
            if meaning not in self.absorbs.get(noun, ()):
                noun = meaning
        return noun

    @cached_property
    def _phrases(self) -> Phrases:
        return Phrases.of(self.names, self.others)

    @cached_property
    def _opening(self) -> re.Pattern[str]:
        return re.compile(rf"^\s*(?:{one_of(self.openings)}) ")

    @cached_property
    def _tail(self) -> re.Pattern[str]:
        return re.compile(rf"\s[-\u2013\u2014]\s|[,;:|(\[]|\s(?:{one_of(self.tails)})\s")

    @cached_property
    def _joint(self) -> re.Pattern[str]:
        return re.compile(rf"[/&+]|\s(?:{one_of(self.joints)})\s")


class Single(_Attribute):
    """The only known word in a text; two words, or one unknown to the model, are ambiguous."""

    reads: Literal["single"]
    names: Names
    others: tuple[str, ...] = Field((), description="words of this kind that the model can't draw")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(self.names)

    def named_in(self, text: str) -> str:
        found = set(self._phrases.found(words_in(text)))
        return found.pop() if len(found) == 1 else ""

    @cached_property
    def _phrases(self) -> Phrases:
        return Phrases.of(self.names, self.others)


class First(_Attribute):
    """The first known word in a text; a word of an earlier tier takes precedence."""

    reads: Literal["first"]
    tiers: tuple[Names, ...] = Field(min_length=1, description="nearest to the picture first")
    ignored: tuple[str, ...] = Field((), description="phrases with a name in them: 'glass fibre'")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for tier in self.tiers for word in tier))

    def named_in(self, text: str) -> str:
        words = self._ignored.without(words_in(text))
        return next((word for tier in self._phrases for word in tier.found(words)), "")

    @cached_property
    def _phrases(self) -> tuple[Phrases, ...]:
        return tuple(map(Phrases.of, self.tiers))

    @cached_property
    def _ignored(self) -> Phrases:
        return Phrases.of({}, self.ignored)


class Count(_Attribute):
    """The number of pieces: "2", "set of two", "4-pack"; one if the text gives no number.

    A number without a word in the model's vocabulary is given in digits.
    """

    reads: Literal["count"]
    numbers: dict[str, int] = Field(min_length=1, description="the model's words, with the number")
    spoken: dict[str, int] = Field({}, description="the shop's number words")
    packs: tuple[str, ...] = Field((), description=f"'set of {_SLOT}', '{_SLOT} pack'")
    phrases: dict[str, int] = Field({}, description="'pair of': 2")
    one_piece: tuple[str, ...] = Field((), description="sold as one piece: 'headphones'")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(self.numbers)

    def named_in(self, text: str) -> str:
        number = self._number_in(text)
        return next((word for word, known in self.numbers.items() if known == number), str(number))

    def _number_in(self, text: str) -> int:
        text = text.strip().lower()
        if self._bare.fullmatch(text):
            return self._value(text)
        if match := self._pack.search(text):
            return self._value(match[match.lastindex or 0])
        if (match := self._phrase.search(text)) and not self._born_in_pairs.search(text):
            return self._phrases[match[0]]
        return 1

    def _value(self, text: str) -> int:
        return self._spoken.get(text) or int(text)

    @cached_property
    def _spoken(self) -> Mapping[str, int]:
        return {word.lower(): number for word, number in self.spoken.items()}

    @cached_property
    def _phrases(self) -> Mapping[str, int]:
        return {phrase.lower(): number for phrase, number in self.phrases.items()}

    @cached_property
    def _bare(self) -> re.Pattern[str]:
        return re.compile(rf"[0-9]{{1,9}}|{one_of(self.spoken)}")

    @cached_property
    def _pack(self) -> re.Pattern[str]:
        """Each alternative has one group, the number. '# pack' also finds "2-pack" and "2pack"."""
        split = [each.partition(_SLOT) for each in self.packs]
        before = one_of(head for head, _, tail in split if not tail)
        after = one_of(tail.strip() for head, _, tail in split if not head)
        around = [(head, tail) for head, _, tail in split if head and tail]
        number = rf"({self._bare.pattern})"
        alternatives = (
            rf"\b{number}[- ]?(?:{after})\b",
            rf"\b(?:{before}){number}\b",
            *(rf"\b{one_of([head])}{number}{one_of([tail])}\b" for head, tail in around),
            rf"^{number}\s*[x\u00d7]\s",  # "2 x Mug"
        )
        return re.compile("|".join(alternatives))

    @cached_property
    def _phrase(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{one_of(self.phrases)})\b")

    @cached_property
    def _born_in_pairs(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{one_of(self.one_piece)})\b")


Attribute = Annotated[Thing | Single | First | Count, Field(discriminator="reads")]
