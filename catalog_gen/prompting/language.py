"""Checks from a model's vocabulary whether its tokenizer knows the language of a feed.

A tokenizer holds the usual words of the text that it was trained on in one piece, and breaks others
up. Of the longer words in English product titles CLIP's knows 73 to 96 % whole, and the studio
model's small vocabulary about 40 %; of German, French, Spanish and Polish ones both know at most
17 %, of Russian and Japanese ones none.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

#: Below this share of words that the tokenizer knows whole, it was trained on another language.
LEAST_KNOWN: Final = 0.2
#: Titles sampled evenly from the feed, and the fewest words for a meaningful share.
_TITLES: Final = 200
_LEAST_WORDS: Final = 20

Title = TypeVar("Title")

_WORD: Final = re.compile(r"[^\W\d_]{4,40}")

REMEDY: Final = (
    "Name a column in the model's language for the title (feed.aliases), or choose a model with a "
    "multilingual text encoder (model.id)."
)


def sampled(titles: Sequence[Title]) -> Sequence[Title]:
    """Some hundred of them, evenly; of a sample all."""
    return titles[:: max(1, len(titles) // _TITLES)]


def known_words(titles: Sequence[str], count: Callable[[str], int]) -> float | None:
    """The share of words of four letters and more that are one token, 0..1; None: too few words.

    ``count`` gives the number of tokens of a text, start and end tokens included.
    """
    empty = count("")
    words = [word for title in sampled(titles) for word in _WORD.findall(title.lower())]
    if len(words) < _LEAST_WORDS:
        return None
    known = {word: count(word) - empty <= 1 for word in set(words)}
    return sum(known[word] for word in words) / len(words)


def language_warning(titles: Sequence[str], count: Callable[[str], int]) -> str:
    """A warning if the titles are in a language that the model doesn't know, else ''."""
    share = known_words(titles, count)
    if share is None or share >= LEAST_KNOWN:
        return ""
    return (
        f"the model's tokenizer knows {share:.0%} of the words in the feed's titles (at least "
        f"{LEAST_KNOWN:.0%} in a language that it was trained on), so that pictures may not show "
        f"what they say. {REMEDY}"
    )
