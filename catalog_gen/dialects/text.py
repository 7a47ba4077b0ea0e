"""Splits text into words and finds a table's phrases among them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")


def words_in(text: str) -> list[str]:
    """Lower-case words of a text: runs of letters of any alphabet.

    >>> words_in("Bone-China Tea Cup, 0.2 l")
    ['bone', 'china', 'tea', 'cup', 'l']
    """
    return _WORD.findall(text.lower())


@dataclass(frozen=True, eq=False, slots=True)
class Phrases:
    """Phrases, as words, with their meanings; '' marks a known phrase without a model word."""

    meanings: Mapping[tuple[str, ...], str]
    longest: Mapping[str, int]
    """Words of the longest phrase that begins with a word."""

    @classmethod
    def of(cls, names: Mapping[str, Iterable[str]], others: Iterable[str] = ()) -> "Phrases":
        """``names`` gives the phrases of each meaning; ``others`` mean ''."""
        meanings = {tuple(words_in(phrase)): "" for phrase in others}
        for meaning, phrases in names.items():
            meanings |= {tuple(words_in(phrase)): meaning for phrase in phrases}
        meanings.pop((), None)
        longest: dict[str, int] = {}
        for phrase in meanings:
            longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
        return cls(meanings, longest)

    def found(self, words: list[str]) -> Iterator[str]:
        """The meanings of the phrases in the words, in order; at each place the longest wins."""
        at = 0
        while at < len(words):
            length = self._length(words, at)
            if length:
                yield self.meanings[tuple(words[at : at + length])]
            at += length or 1

    def without(self, words: list[str]) -> list[str]:
        """The words that belong to no phrase."""
        kept: list[str] = []
        at = 0
        while at < len(words):
            length = self._length(words, at)
            if not length:
                kept.append(words[at])
            at += length or 1
        return kept

    def _length(self, words: list[str], at: int) -> int:
        """Number of words in the longest phrase starting at a place; 0 if there is none."""
        most = min(self.longest.get(words[at], 0), len(words) - at)
        return next(
            (n for n in range(most, 0, -1) if tuple(words[at : at + n]) in self.meanings), 0
        )


def one_of(phrases: Iterable[str]) -> str:
    """A regular expression for any of these phrases in lower case, the longest first."""
    longest_first = sorted({each.lower() for each in phrases}, key=lambda each: (-len(each), each))
    # (?!) never matches: there are no phrases.
    return "|".join(map(re.escape, longest_first)) or "(?!)"
