"""Text as words, and the phrases of a table found among them: what all ways of reading share."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")


def words_in(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters of any alphabet.

    >>> words_in("Bone-China Tea Cup, 0.2 l")
    ['bone', 'china', 'tea', 'cup', 'l']
    """
    return _WORD.findall(text.lower())


@dataclass(frozen=True, eq=False, slots=True)
class Phrases:
    """Phrases, as words, with what each means; '' means: known, and none of the model's words."""

    meanings: Mapping[tuple[str, ...], str]
    longest: int
    """Words of the longest phrase."""

    @classmethod
    def of(cls, names: Mapping[str, Iterable[str]], others: Iterable[str] = ()) -> "Phrases":
        """``names`` gives the phrases of each meaning; ``others`` mean ''."""
        meanings = {tuple(words_in(phrase)): "" for phrase in others}
        for meaning, phrases in names.items():
            meanings |= {tuple(words_in(phrase)): meaning for phrase in phrases}
        return cls(meanings, max(map(len, meanings), default=0))

    def found(self, words: list[str]) -> Iterator[str]:
        """What the words mean, in their order: at each place the longest phrase counts."""
        at = 0
        while at < len(words):
            for length in range(min(self.longest, len(words) - at), 0, -1):
                meaning = self.meanings.get(tuple(words[at : at + length]))
                if meaning is not None:
                    yield meaning
                    at += length
                    break
            else:
                at += 1

    def without(self, words: list[str]) -> list[str]:
        """The words that are part of no phrase."""
        kept: list[str] = []
        at = 0
        while at < len(words):
            for length in range(min(self.longest, len(words) - at), 0, -1):
                if tuple(words[at : at + length]) in self.meanings:
                    at += length
                    break
            else:
                kept.append(words[at])
                at += 1
        return kept


def one_of(phrases: Iterable[str]) -> str:
    """A regular expression for any of these phrases, the longest first."""
    return "|".join(re.escape(each) for each in sorted(phrases, key=len, reverse=True))
