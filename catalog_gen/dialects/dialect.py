"""A model's dialect: its words for each attribute, and what it can't draw and why.

A model without one has the generic dialect: every word passes unchanged, and everything can be
drawn.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.dialects.attributes import Attribute, Count

_LONGEST_VALUE: Final = 60


class Dialect(Chosen):
    """The words of one model."""

    name: str = Field(description="what the model is called in a sentence: 'the studio model'")
    remedy: str = Field(description="what helps where it can't draw a product: 'set model.id ...'")
    attributes: dict[str, Attribute] = Field(
        {}, description="in the order in which missing words are reported"
    )
    plurals: dict[str, str] = Field({}, description="of the model's words: {'mug': 'mugs'}")

    def __hash__(self) -> int:
        return hash(self.identity)

    def chosen(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The dialect as JSON values, without fields left at their defaults."""
        return self.model_dump(mode="json", exclude=set(without), exclude_defaults=True)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the canonical JSON, computed once."""
        return super().identity

    @cached_property
    def vocabularies(self) -> Mapping[str, tuple[str, ...]]:
        """All words that the model knows, by attribute with a closed vocabulary."""
        return {name: attribute.vocabulary for name, attribute in self.attributes.items()}

    def word(self, attribute: str, own: str, *others: str) -> str:
        """The model's word for an attribute's own value, or for what the other texts name.

        '' if unknown or ambiguous. An attribute without a closed vocabulary keeps its own value,
        since there are no words to look for in the other texts.
        """
        known = self.attributes.get(attribute)
        return own.strip() if known is None else known.word(own, *others)

    def counted(self, word: str, count: str) -> str:
        """The plural of a word if the count is above one, else the word itself."""
        return self.plurals.get(word, word) if self.number(count) > 1 else word

    def number(self, count: str) -> int:
        """The number for a count's word or digits; 1 if there is none."""
        for attribute in self.attributes.values():
            if isinstance(attribute, Count) and count in attribute.numbers:
                return attribute.numbers[count]
        return int(count) if count.isascii() and count.isdecimal() else 1

    def why_not(self, asked: Mapping[str, str], read: Callable[[str], Mapping[str, str]]) -> str:
        """'' if the model can draw what is asked, else one sentence giving the reason.

        Only asked attributes are checked; the first that fails, in the dialect's order, is
        reported.

        Args:
            asked: attribute to value.
            read: gives the product fields, with their values, that an attribute was made from.
        """
        for name, attribute in self.attributes.items():
            word = asked.get(name)
            if word is None or not attribute.required or word in self.vocabularies[name]:
                continue
            fields = read(name)
            return self._sentence(name, word or fields.get(name, ""), fields)
        return ""

    def _sentence(self, name: str, value: str, fields: Mapping[str, str]) -> str:
        words = self.vocabularies[name]
        if value:
            return (
                f"{name} '{_short(value)}' is not among the {len(words)} that {self.name} draws "
                f"({', '.join(words)}); {self.remedy}"
            )
        named = [f"{field} '{_short(text)}'" for field, text in sorted(fields.items()) if text]
        where = f"in {', '.join(named)}" if named else "for the product"
        return (
            f"no unambiguous {name} is named {where}, and {self.name} needs one of "
            f"{', '.join(words)}; name it in the feed, or {self.remedy}"
        )


#: The dialect of a model without a dialect of its own.
GENERIC: Final = Dialect(name="the model", remedy="choose another model")


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"
