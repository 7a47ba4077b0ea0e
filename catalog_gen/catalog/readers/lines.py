"""Split bytes into text lines of bounded length.

These are physical lines; ``delimited`` joins the lines of a quoted cell.
"""

import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from catalog_gen.catalog.readers.source import FeedSource

#: Maximum characters of a physical line, and of a record over several lines.
MAX_LINE: Final = 1024 * 1024

#: About how many characters are taken at once where that is possible.
BLOCK: Final = 128 * 1024

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
    """The lines of a text feed, one by one; see ``TextLines``."""
    with text_lines(source, encoding) as lines:
        yield from lines


@contextmanager
def text_lines(source: FeedSource, encoding: str) -> Iterator["TextLines"]:
    """The lines of a text feed, from the start."""
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    shown = "UTF-8" if encoding.startswith("utf-8") else encoding
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")
        yield TextLines(text, shown)
        text.detach()


class TextLines(Iterator[Line]):
    """The lines of a text feed, numbered from 1; line endings are LF, CR LF or CR.

    A line that is too long, contains a NUL or is not valid text has a fault; only the beginning of
    a line that is too long is kept, so memory stays bounded.
    """

    def __init__(self, text: io.TextIOWrapper, encoding: str) -> None:
        self._text = text
        self._encoding = encoding
        self._number = 0
        self._again: deque[str] = deque()

    def __next__(self) -> Line:
        line = self._again.popleft() if self._again else self._text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self._number += 1
        fault = ""
        end = _end(line)
        if len(line) > MAX_LINE and not end:
            line, fault = line[:200], TOO_LONG
            while (rest := self._text.readline(MAX_LINE)) and not _end(rest):
                pass
        elif "\0" in line:
            fault = "the line holds a NUL character"
        elif not line.isascii() and _ESCAPED.search(line):
            fault = f"the line is not valid {self._encoding}, as the rest of the file is"
        return Line(self._number, line[: -len(end)] if end else line, fault, end)

    @property
    def next_number(self) -> int:
        return self._number + 1

    def take_block(self) -> str:
        """The next lines, about ``BLOCK`` characters; '' if one of them needs a closer look.

        All end with LF or CR LF, and none has a fault.
        """
        if self._again:
            return ""
        text = self._text.read(BLOCK)
        while text.endswith("\r") and (more := self._text.read(1)):
            text += more
        begun = len(text) - 1 - max(text.rfind("\n"), text.rfind("\r"))
        text += self._text.readline(MAX_LINE + 1 - begun)
        if not _is_plain(text):
            self._again.extend(io.StringIO(text, newline=""))
            return ""
        self._number += text.count("\n")
        return text

    def give_back(self, block: str) -> None:
        """Have a block's lines read one by one."""
        self._number -= block.count("\n")
        self._again.extend(io.StringIO(block, newline=""))


def _is_plain(text: str) -> bool:
    return (
        text.endswith("\n")
        and len(text) <= MAX_LINE
        and "\0" not in text
        and (text.isascii() or not _ESCAPED.search(text))
        and ("\r" not in text or text.count("\r") == text.count("\r\n"))
    )
