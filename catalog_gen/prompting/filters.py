"""The filters that prompt templates have beside Jinja's own: text in, text out.

Product text is untrusted and unbounded, so every filter runs in linear time and keeps no state.
What two of them say is the dialect's, which the fingerprint covers, too.
Raise ``FILTERS_VERSION`` with every change of what a filter returns: prompts are planned again
only when their fingerprint changes, and the version is part of it.
"""

import html
import re
from collections.abc import Callable, Mapping
from typing import Final

from catalog_gen.dialects.dialect import Dialect

FILTERS_VERSION: Final = 4

_NOISE: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # article numbers: "SKU: AB-12", "Art. 4411", "#20931", "(HX-2041)"
        # (a bare "Art 3" or "Model 3" is part of a name)
        r"\b(?:sku\b\.?|art\.|(?:art(?:icle)?|item|model|ref)\b\.?(?=\s?(?:no\b|nr\b|number\b|[:#])))"
        r"\s?(?:no\.?|nr\.?|number)?\s?[:#]?\s?[\w-]{0,20}\d[\w-]*",
        r"#\s?\d[\w-]*",
        r"\b(?=[a-z-]{0,20}\d)[a-z]{2,20}-?\d{3,}[\w-]*\b",
        # sizes and packs: "350 ml", "12 x 8 cm", "2-pack", "set of 4"
        r"\b\d+(?:[.,]\d+)?(?:\s?[x\u00d7]\s?\d+(?:[.,]\d+)?){0,2}\s?"
        r"(?:ml|cl|l|litres?|liters?|oz|fl\.?\s?oz|g|kg|lbs?|mm|cm|m|inch(?:es)?|w|v|mah|hz)\b",
        r"\b(?:set|pack|box|bundle) of (?:\d+|two|three|four|six)\b",
        r"\b\d+[- ]?(?:pack|pk|pcs|pieces?|count)\b",
        # exclamations: "NEW!", "- Sale", "Free shipping"
        r"\b(?:new(?: arrival| in)?|sale|hot|best ?seller|top deal|limited offer|wow)\s?!+",
        # (at a part's end: "New Balance" and "New York" are names)
        r"[-\u2013\u2014|*]\s?(?:new|sale|best ?seller|top deal)(?=\s*(?:[-\u2013\u2014|*!,;)]|$))",
        r"\bfree (?:shipping|delivery)\b",
        r"\b\d{1,2}\s?% off\b",
    )
)
#: Emoji with their joiners, dingbats, arrows, and the signs of registered names.
_SIGNS: Final = re.compile(
    "[\u00a9\u00ae\u2122\u20e3\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u200d\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]+"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_EMPTY_BRACKETS: Final = re.compile(r"[(\[][,;\s]*[)\]]")
_DANGLING: Final = re.compile(r"\s*[,;|]\s*(?=[,;|)\]]|$)|\s[-\u2013\u2014]\s*(?=[,;|]|$)")
_EDGES: Final = " ,;|-\u2013\u2014!*"
_SENTENCE_END: Final = re.compile(r"[.!?]['\")\]]*\s+(?=[\"'(\[]?[^\W_])")
_ABBREVIATIONS: Final = {"approx.", "ca.", "dr.", "e.g.", "i.e.", "mr.", "mrs.", "no.", "st."}


def clean_title(text: str) -> str:
    """A shop's title without article numbers, sizes, packs, exclamations, emoji and entities.

    Words in capitals become title case; short ones (LED, USB) stay unless the whole title is in
    capitals.

    >>> clean_title("HEARTHSIDE COFFEE MUG, 350 ml (SKU: HX-2041) - NEW!")
    'Hearthside Coffee Mug'
    """
    text = _SIGNS.sub(" ", html.unescape(text))
    for pattern in _NOISE:
        text = pattern.sub(" ", text)
    text = _EMPTY_BRACKETS.sub(" ", text)
    text = " ".join(text.replace("!", " ").split())
    text = _DANGLING.sub("", re.sub(r"\s+([,;])", r"\1", text)).strip(_EDGES)
    shouts = text.isupper() and " " in text
    return _WORD.sub(lambda word: _calm(word[0], shouts), text)


def join_list(text: str) -> str:
    """Comma or | separated values as a phrase.

    >>> join_list("oak | steel | felt")
    'oak, steel and felt'
    """
    parts = [part.strip() for part in re.split(r"[,|]", text) if part.strip()]
    return " and ".join([*([", ".join(parts[:-1])] if parts[1:] else []), *parts[-1:]])


def first_sentence(text: str) -> str:
    """The text up to its first full stop, without the stop itself; no break after "approx."."""
    text = " ".join(text.split())
    for match in _SENTENCE_END.finditer(text):
        last_word = text[: match.start() + 1].lower().rsplit(" ", 1)[-1].lstrip("([\"'")
        if last_word not in _ABBREVIATIONS:
            return text[: match.start()]
    return text.rstrip(".!? ")


def _calm(word: str, shouts: bool) -> str:
    if not word.isupper() or (len(word) <= 3 and not shouts):
        return word
    return word[0] + word[1:].lower()


#: The filters that are the same for every model.
FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    each.__name__: each for each in (clean_title, join_list, first_sentence)
}


def filters_of(dialect: Dialect) -> dict[str, Callable[..., str]]:
    """All filters of a model's templates: those above, and two that use its dialect.

    - ``{{ colour | words('colour', title) }}``: the model's word for the shop's colour; where the
      shop names none, for the colour in the title; '' if none is unambiguous.
    - ``{{ category | counted(count) }}``: "mugs" where ``count`` means more than one.
    """

    def words(own: str, attribute: str, *others: str) -> str:
        return dialect.word(attribute, own, *others)

    return {**FILTERS, "words": words, "counted": dialect.counted}
