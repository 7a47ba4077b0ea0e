"""From bytes to text lines: which encoding, and lines of bounded length.

It does not know about quoting; a record over several lines is the delimited reader's concern.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from catalog_gen.catalog.readers.source import FeedSource

#: Characters of a physical line, and of a record over several lines.
MAX_LINE: Final = 1024 * 1024

_BLOCK: Final = 1024 * 1024
_SEQUENCE: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH: Final = re.compile(rb"[\x80-\xff]")
#: The five bytes that Windows-1252 leaves undefined.
_NOT_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
#: What ``surrogateescape`` makes of bytes that are no UTF-8.
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


class Line(NamedTuple):
    """A physical line without its end; ``fault`` is the rule it breaks, or ''."""

    number: int
    text: str
    fault: str


def detect_encoding(source: FeedSource) -> str:
    """The feed's encoding: utf-8, utf-8-sig, utf-16-le, utf-16-be, cp1252 or latin-1.

    A byte order mark decides; then NUL bytes on every other place (UTF-16); then UTF-8 if the
    whole file is valid. In a file that is not, more valid sequences than stray bytes mean UTF-8
    with some broken lines; else it is Windows-1252, or Latin-1 where that is undefined.
    """
    head = source.head
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0::2], head[1::2]
    if odd and odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return _utf8_or_single_byte(source)


def _utf8_or_single_byte(source: FeedSource) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    sequences = stray = 0
    single_byte = "cp1252"
    with source.open() as stream:
        while block := stream.read(_BLOCK):
            if valid:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    valid = False
            if not block.isascii():
                found = _SEQUENCE.findall(block)
                sequences += len(found)
                stray += len(_HIGH.findall(block)) - sum(map(len, found))
                if _NOT_CP1252.search(block):
                    single_byte = "latin-1"
    if valid or sequences > stray:
        return "utf-8"
    return single_byte


def read_lines(source: FeedSource, encoding: str) -> Iterator[Line]:
    """The lines of a text feed, numbered from 1; ends are LF, CR LF or CR.

    A line that is too long, holds a NUL or is no valid text carries a fault; of a line that is
    too long only the beginning is kept, so memory stays bounded.
    """
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline=None)
        number = 0
        while line := text.readline(MAX_LINE + 1):
            number += 1
            fault = ""
            if len(line) > MAX_LINE and not line.endswith("\n"):
                line, fault = line[:200], f"the line is longer than {MAX_LINE:,} characters"
                while (rest := text.readline(MAX_LINE)) and not rest.endswith("\n"):
                    pass
            elif "\0" in line:
                fault = "the line holds a NUL character"
            elif not line.isascii() and _ESCAPED.search(line):
                fault = "the line is not valid UTF-8, as the rest of the file is"
            yield Line(number, line.removesuffix("\n"), fault)
        text.detach()
