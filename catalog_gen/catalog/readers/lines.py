"""Split bytes into text lines of bounded length.

These are physical lines; ``delimited`` joins the lines of a quoted cell.
"""

import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from catalog_gen.catalog.readers.source import FeedSource

#: Maximum characters of a physical line, and of a record over several lines.
MAX_LINE: Final = 1024 * 1024

#: The fault of a line whose end was not kept.
TOO_LONG: Final = f"the line is longer than {MAX_LINE:,} characters"
#: What ``surrogateescape`` turns invalid bytes into.
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


class Line(NamedTuple):
    """A physical line and its line ending; ``fault`` is the rule that it breaks, or ''."""

    number: int
    text: str
    fault: str
    end: str = "\n"


def _end(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else line[-1:] if line[-1:] in ("\n", "\r") else ""


def read_lines(source: FeedSource, encoding: str) -> Iterator[Line]:
    """The lines of a text feed, numbered from 1; line endings are LF, CR LF or CR.

    A line that is too long, contains a NUL or is not valid text has a fault; only the beginning of
    a line that is too long is kept, so memory stays bounded.
    """
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    shown = "UTF-8" if encoding.startswith("utf-8") else encoding
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")
        number = 0
        while line := text.readline(MAX_LINE + 1):
            number += 1
            fault = ""
            end = _end(line)
            if len(line) > MAX_LINE and not end:
                line, fault = line[:200], TOO_LONG
                while (rest := text.readline(MAX_LINE)) and not _end(rest):
                    pass
            elif "\0" in line:
                fault = "the line holds a NUL character"
            elif not line.isascii() and _ESCAPED.search(line):
                fault = f"the line is not valid {shown}, as the rest of the file is"
            yield Line(number, line[: -len(end)] if end else line, fault, end)
        text.detach()
