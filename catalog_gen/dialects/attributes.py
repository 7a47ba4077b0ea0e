"""The ways to read a shop's words as a model's: a thing, a single word, the first word, a number.

A word that could mean two things is left unknown, because a wrong word draws a wrong picture and
an unknown one merely leaves the product out, with a reason. Every table comes from the dialect's
file. Product text is unbounded, so all of this runs in linear time.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog_gen.dialects.text import Phrases, one_of, words_in

#: Characters of a text that may be remembered.
_SHORT: Final = 60
#: A phrase's place for a number in ``Count.packs``.
_SLOT: Final = "#"

Names = Annotated[
    dict[str, tuple[str, ...]],
    Field(min_length=1, description="each of the model's words, with the shop's words for it"),
]


class _Attribute(BaseModel, ABC):
    """How one attribute is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: bool = Field(
        True, description="whether a product without a word for it can't be drawn, where asked"
    )
    unsaid: str = Field("", description="the model's word where the shop names nothing at all")

    @property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """All words that the model knows, in the file's order."""

    @abstractmethod
    def named_in(self, text: str) -> str:
        """The model's word for what a text names; '' where that is unknown or not certain."""

    def word(self, own: str, *others: str) -> str:
        """The model's word for an attribute's own value; without one, for what other texts name.

        A value that is unknown stays unknown, whatever the other texts say.
        """
        text = own or next(filter(None, others), "")
        return self._named_in(text) or ("" if own else self.unsaid)

    def _named_in(self, text: str) -> str:
        """``named_in``, remembered for short texts: a shop has few colours and many products."""
        return self.named_in(text) if len(text) > _SHORT else self._remembered(text)

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(maxsize=1024)(self.named_in)


class Thing(_Attribute):
    """What is sold: the head noun of a title, or of the last part of a category path.

    In a title, the last name before any further description counts, unless what follows makes it
    another thing ("chair cushion"). Where two things stand side by side ("Vases & Bowls"), neither
    is certain.
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
    """The one word that a text names; two of them, or one that the model never saw, give none."""

    reads: Literal["single"]
    names: Names
    others: tuple[str, ...] = Field((), description="words of this kind that the model never saw")

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
    """The first word that a text names, as shops order them; a word of an earlier tier wins."""

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
    """How many pieces a text names: "2", "set of two", "4-pack"; one where it says nothing.

    A number that the model has no word for is given in digits.
    """

    reads: Literal["count"]
    numbers: dict[str, int] = Field(min_length=1, description="the model's words, with the number")
    spoken: dict[str, int] = Field({}, description="the shop's number words")
    packs: tuple[str, ...] = Field((), description=f"'set of {_SLOT}', '{_SLOT} pack'")
    phrases: dict[str, int] = Field({}, description="'pair of': 2")
    one_piece: tuple[str, ...] = Field((), description="of these, a pair is one: 'headphones'")

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
