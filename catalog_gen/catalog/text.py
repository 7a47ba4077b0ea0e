"""Clean text: HTML to plain text, one kind of space, no control characters, Unicode NFC.

The output is not escaped for HTML.
"""

import html
import re
import unicodedata
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

#: Control characters, lone surrogates, bidirectional marks and invisible characters.
_UNWANTED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = re.compile(r"\s+")
_TAG: Final = re.compile(r"<[^>]*>?")
#: A "<" whose tag does not end before the next one; the parser would scan to the end for each one.
_UNCLOSED: Final = re.compile(r"<(?![^<>]*>)")
_LOOKS_LIKE_TAG: Final = re.compile(r"<[A-Za-z/!?]")
#: A tag by itself: a name, attributes that are quoted or simple, no angle bracket inside.
_WELL_FORMED: Final = re.compile(
    r"</?([A-Za-z][A-Za-z0-9]{0,20})"
    r"""(?:\s[A-Za-z_-]{1,40}(?:=(?:"[^"<>]*"|'[^'<>]*'|[\w%#.-]+))?)*\s?/?>"""
)
#: Elements whose content is no text, or is read by rules of its own.
_SPECIAL: Final = re.compile(
    "<(?:script|style|template|textarea|title|plaintext|xmp|iframe|noembed|noframes|noscript)",
    re.IGNORECASE,
)
_HIDDEN: Final = frozenset({"script", "style", "template"})
#: Elements that end a line, so that words on either side stay separate.
_BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure"),
        *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav"),
        *("ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
    }
)


def clean_text(value: str) -> str:
    """Turn text into one line of printable Unicode in NFC; lone surrogates become U+FFFD.

    Idempotent: cleaning twice changes nothing.
    """
    if value.isascii() and value.isprintable():
        return " ".join(value.split()) if "  " in value else value.strip()
    value = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    value = unicodedata.normalize("NFC", _UNWANTED.sub(" ", value))
    return _SPACES.sub(" ", value).strip()


@lru_cache(maxsize=16)
def html_to_text(value: str) -> str:
    """The text that a reader of the HTML sees, cleaned; scripts and styles are left out.

    Plain text passes unchanged: "a < b" is not a tag. The last texts are remembered, for variants
    share their product's.
    """
    if "<" not in value:
        return clean_text(html.unescape(value) if "&" in value else value)
    if not _LOOKS_LIKE_TAG.search(value):
        return clean_text(html.unescape(value))
    pieces = _plain_pieces(value)
    return clean_text("".join(pieces)) if pieces is not None else _parsed(value)


def _plain_pieces(markup: str) -> list[str] | None:
    """The texts between well-formed tags; None where there is anything else that begins with "<".

    Several times faster than the parser, and the usual case.
    """
    if _SPECIAL.search(markup):
        return None
    pieces: list[str] = []
    tags = end = 0
    for tag in _WELL_FORMED.finditer(markup):
        pieces.append(html.unescape(markup[end : tag.start()]))
        pieces.append(" " if tag[1].lower() in _BLOCKS else "")
        tags, end = tags + 1, tag.end()
    pieces.append(html.unescape(markup[end:]))
    return pieces if tags == markup.count("<") else None


def _parsed(value: str) -> str:
    markup = _UNCLOSED.sub("&lt;", _without_comments(value))
    reader = _TextReader()
    try:
        reader.feed(markup)
        reader.close()
    except AssertionError:  # how html.parser refuses some malformed declarations
        return clean_text(html.unescape(_TAG.sub(" ", markup)))
    return clean_text("".join(reader.pieces))


def _without_comments(markup: str) -> str:
    first, *rest = markup.split("<!--")
    return first + "".join(part.partition("-->")[2] if "-->" in part else part for part in rest)


class _TextReader(HTMLParser):
    """Collects what is visible; the standard library's parser is several times faster than a tree.

    Comments, declarations and processing instructions have no handler here, so they vanish.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append(" ")
        elif tag in _HIDDEN and not self._hidden:
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append(" ")
        elif tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)
