"""CSV and TSV (RFC 4180 with LF, CR LF or CR, and , ; tab or | between fields).

A record may span lines inside quotes, up to a bound. What breaks the rules is rejected with the
line on which it starts, and reading goes on with the very next line: an unclosed quote costs one
row, not the rest of the file.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.readers.lines import MAX_LINE, Line, read_lines
from catalog_gen.catalog.readers.record import Record, Row, reject
from catalog_gen.catalog.readers.source import FeedSource
from catalog_gen.errors import FeedError

MAX_RECORD_LINES: Final = 50
#: In the order of preference between delimiters that split the header equally often.
DELIMITERS: Final = (",", "\t", ";", "|")


class Table(NamedTuple):
    """A delimited feed after its header; ``rows`` yields records named by ``header``."""

    delimiter: str
    header: tuple[str, ...]
    rows: Iterator[Row]


def read_table(source: FeedSource, encoding: str) -> Table:
    """Read the header; the rows follow lazily.

    Raises:
        FeedError: the first line is no header: broken quoting, NUL bytes, or far too long.
    """
    csv.field_size_limit(MAX_LINE)  # the module's own 128 KiB would undercut max_field_length
    lines = _Lines(read_lines(source, encoding))
    for line in lines:
        if line.text.strip() or line.fault:
            break
    else:
        raise FeedError(str(source.path), "has no header line", "Export the feed again.")
    delimiter = _sniff(line.text)
    header = _parse(line, lines, delimiter)
    if isinstance(header, Rejection):
        raise FeedError(
            str(source.path),
            f"line {line.number} is no header of column names ({header.rule})",
            "Export the feed as CSV, TSV, JSONL, Parquet or Google Merchant XML.",
        )
    names = tuple(name.strip() for name in header)
    return Table(delimiter, names, _rows(lines, delimiter, names))


def _rows(lines: "_Lines", delimiter: str, names: tuple[str, ...]) -> Iterator[Row]:
    width = len(names)
    for line in lines:
        if not line.text.strip(" ") and not line.fault:
            continue
        cells = _parse(line, lines, delimiter, width)
        if isinstance(cells, Rejection):
            yield cells
        elif any(cells):
            yield Record(line.number, names, cells)


def _parse(
    line: Line, lines: "_Lines", delimiter: str, width: int | None = None
) -> list[str] | Rejection:
    """The cells of the record that starts with a line; takes further lines from ``lines``."""
    if line.fault:
        return reject(line.number, "", line.text, line.fault)
    if '"' not in line.text:
        cells = line.text.split(delimiter)
        return _fit(line, cells, width) if width is not None and len(cells) != width else cells
    follow: list[Line] = []
    try:
        cells = next(csv.reader(_record(line, lines, follow), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        lines.give_back(follow)
        return reject(line.number, "", line.text, f"the quoting is broken ({error})")
    if width is not None and len(cells) != width:
        # A stray quote that found its partner lines below also ends here.
        lines.give_back(follow)
        return _fit(line, cells, width, over_lines=bool(follow))
    return cells


def _record(line: Line, lines: "_Lines", follow: list[Line]) -> Iterator[str]:
    """The physical lines of one record, as ``csv.reader`` asks for them, within the bounds."""
    yield line.text + "\n"
    size = len(line.text)
    while len(follow) + 1 < MAX_RECORD_LINES and (following := lines.take()) is not None:
        follow.append(following)
        size += len(following.text)
        if following.fault or size > MAX_LINE:
            return
        yield following.text + "\n"


def _fit(
    line: Line, cells: list[str], width: int, over_lines: bool = False
) -> list[str] | Rejection:
    """Empty cells beyond the header are cut (spreadsheets write them); all else is ragged."""
    if len(cells) > width and not over_lines and not any(cells[width:]):
        return cells[:width]
    rule = f"the row has {len(cells)} fields, the header {width}"
    return reject(line.number, "", line.text, rule)


def _sniff(header: str) -> str:
    """The delimiter that splits the header most often outside quotes."""
    bare = "".join(header.split('"')[0::2])
    return max(DELIMITERS, key=bare.count)


class _Lines:
    """Lines that can be given back: what a broken quote swallowed is read again as rows."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._fresh = lines
        self._again: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        while (line := self.take()) is not None:
            yield line

    def take(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._fresh, None)

    def give_back(self, lines: list[Line]) -> None:
        self._again.extendleft(reversed(lines))
