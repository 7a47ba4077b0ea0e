"""CSV and TSV (RFC 4180 with LF, CR LF or CR, and , ; tab or | between fields).

A quoted cell may span any number of lines; only the size of a record is limited. A malformed record
is rejected with the line on which it starts. Where a broken quote ends can't be known, so the lines
after it are read again, and up to the place where the quote seemed to end only lines that look like
this feed's rows are accepted: an unclosed quote costs one row, not the rest of the file, and the
text of a broken cell never becomes a product.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.readers.lines import (
    MAX_LINE,
    TOO_LONG,
    Line,
    TextLines,
    read_lines,
    text_lines,
)
from catalog_gen.catalog.readers.record import Block, RawRow, Record, Table, WrittenRow, reject
from catalog_gen.catalog.readers.source import FeedSource, half_written
from catalog_gen.errors import FeedError

#: In order of preference among delimiters that split the header equally often.
DELIMITERS: Final = (",", "\t", ";", "|")
#: Records that may be the header: exports write titles and notes above it.
HEADER_RECORDS: Final = 10
#: Rows from which the usual form of this feed's cells is learned.
_LEARNED_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class HeaderCandidate:
    """One of a feed's first records, which may be its header."""

    line: int
    delimiter: str
    names: tuple[str, ...]
    preamble: tuple[str, ...]
    line_end: str
    cells: tuple[str, ...]


def header_candidates(source: FeedSource, encoding: str) -> list[HeaderCandidate]:
    """The first records of a feed, blank lines and comments left out; never empty.

    Raises:
        FeedError: the feed has no line with text, or its first one is not a record: broken
            quoting, NUL bytes, or far too long.
    """
    csv.field_size_limit(MAX_LINE)  # the module's own 128 KiB would undercut max_field_length
    texts: list[str] = []
    lines = _Lines(_noted(read_lines(source, encoding), texts))
    found: list[HeaderCandidate] = []
    declared = ""
    for line in lines:
        if not line.text.strip() and not line.fault:
            continue
        if not found and not declared and (declared := _declared_delimiter(line.text)):
            continue
        delimiter = declared or sniff_delimiter(line.text)
        cells = _parse(line, lines, delimiter)
        if isinstance(cells, Rejection):
            if found:
                break
            raise FeedError(
                str(source.path),
                f"line {line.number} is not a header of column names ({cells.rule})",
                "Export the feed as CSV, TSV, JSONL, Parquet or Google Merchant XML.",
            )
        if not _is_comment(cells):
            names = tuple(name.strip() for name in cells)
            above = tuple(texts[: line.number - 1])
            found.append(
                HeaderCandidate(
                    line.number, delimiter, names, above, line.end or "\n", tuple(cells)
                )
            )
            if len(found) == HEADER_RECORDS:
                break
    if not found:
        raise FeedError(str(source.path), "has no header line", "Export the feed again.")
    return found


def read_table(source: FeedSource, encoding: str, header: HeaderCandidate) -> Table:
    """The table below a header."""
    return Table(
        format="tsv" if header.delimiter == "\t" else "csv",
        encoding=encoding,
        names=header.names,
        blocks=lambda: _blocks(source, encoding, header),
        delimiter=header.delimiter,
        preamble=header.preamble,
        line_end=header.line_end,
        header=header.cells,
        written=lambda: _written(source, encoding, header),
    )


def sniff_delimiter(text: str) -> str:
    """The delimiter that splits a line most often outside quotes."""
    bare = "".join(text.split('"')[0::2])
    return max(DELIMITERS, key=bare.count)


def _noted(lines: Iterator[Line], texts: list[str]) -> Iterator[Line]:
    for line in lines:
        texts.append(line.text)
        yield line


def _declared_delimiter(text: str) -> str:
    """The delimiter of a spreadsheet's line ``sep=;``; '' for any other line."""
    bare = text.strip(' "')
    return bare[4:5] if bare[:4].lower() == "sep=" and len(bare) == 5 else ""


def _blocks(source: FeedSource, encoding: str, header: HeaderCandidate) -> Iterator[Block | RawRow]:
    with text_lines(source, encoding) as text:
        lines = _Lines(text)
        _pass_header(lines, header)
        rows = _Rows(header)
        half = 0  # the line of the last row, where it is cut off
        while True:
            if block := rows.block(text, lines):
                half = 0
                yield block
                continue
            line = lines.take()
            if line is None:
                break
            row = rows.row(line, lines)
            if isinstance(row, Record):
                half = 0
            elif row is not None and lines.is_over and lines.short:
                half = row.line
            if row is not None:
                yield row
    if half:
        raise half_written(source, half)


def _written(source: FeedSource, encoding: str, header: HeaderCandidate) -> Iterator[WrittenRow]:
    """The header and the records with their characters, and with the lines between them."""
    physical = read_lines(source, encoding)
    lines = _Lines(read_lines(source, encoding))

    def text_up_to(end: int) -> str:
        texts: list[str] = []
        while reached[0] < end and (line := next(physical, None)) is not None:
            reached[0] = line.number
            if line.fault != TOO_LONG:  # its end is not known
                texts.append(line.text + line.end)
        return "".join(texts)

    reached = [0]
    _pass_header(lines, header)
    text_up_to(header.line - 1)
    record, text = None, text_up_to(lines.reached)
    for row in _rows_below(lines, header):
        if isinstance(row, Record):
            yield WrittenRow(record, text, text_up_to(row.line - 1))
            record, text = row, text_up_to(lines.reached)
    yield WrittenRow(record, text, text_up_to(1 << 62))


def _pass_header(lines: "_Lines", header: HeaderCandidate) -> None:
    while (line := lines.take()) is not None and line.number < header.line:
        pass
    if line is not None:
        _parse(line, lines, header.delimiter)  # a header's names may span lines, too


def _rows_below(lines: "_Lines", header: HeaderCandidate) -> Iterator[RawRow]:
    rows = _Rows(header)
    for line in lines:
        if (row := rows.row(line, lines)) is not None:
            yield row


class _Rows:
    """What the lines below a header are.

    After a broken quote, lines are in doubt up to the one that it may have reached.
    """

    def __init__(self, header: HeaderCandidate) -> None:
        self._names, self._delimiter = header.names, header.delimiter
        self._width = len(header.names)
        self._usual = _UsualCells(self._width)
        self._doubted = 0  # the line up to which a broken quote may have reached
        self._endless = False  # it reached beyond the bound on a record's size

    def row(self, line: Line, lines: "_Lines") -> RawRow | None:
        """The row that starts with a line, None for a line that is none."""
        if not line.text.strip(" ") and not line.fault:
            return None
        cells = _parse(line, lines, self._delimiter, self._width)
        if line.number < self._doubted or self._endless:
            if not self._usual.fits(line.text, cells, self._delimiter):
                return None
            self._endless = self._endless and line.number <= self._doubted
        if isinstance(cells, Rejection):
            if lines.reached > line.number:
                self._doubted = max(self._doubted, lines.reached)
                self._endless = lines.cut
            return None if _is_comment(line.text.split(self._delimiter)) else cells
        if not any(cells) or _is_comment(cells):
            return None
        self._usual.learn(cells)
        return Record(line.number, self._names, cells)

    def block(self, text: TextLines, lines: "_Lines") -> Block | None:
        """The next lines' rows, as many at once as possible.

        None if no line is left, or one of the next is in doubt, no row, or a row of another width:
        ``row`` finds out which.
        """
        first = text.next_number
        if lines.has_again or first < self._doubted or self._endless or self._width < 2:
            return None
        written = text.take_block()
        if not written:
            return None
        block = self._block(written, first)
        if block is None:
            text.give_back(written)
        return block

    def _block(self, written: str, first: int) -> Block | None:
        split = self._quoted if '"' in written else self._unquoted
        block = split(written, first)
        if block is None:
            return None
        ids = block.columns[0]
        if not all(ids) and not all(map(any, zip(*block.columns, strict=True))):
            return None
        if "#" in "".join(ids) and any(_is_comment(each.values) for each in block.records()):
            return None
        for record in islice(block.records(), _LEARNED_ROWS):
            self._usual.learn(record.values)
        return block

    def _unquoted(self, written: str, first: int) -> Block | None:
        lines = written.replace("\r\n", "\n").removesuffix("\n").split("\n")
        if any(line.count(self._delimiter) != self._width - 1 for line in lines):
            return None
        cells = self._delimiter.join(lines).split(self._delimiter)
        columns = [cells[index :: self._width] for index in range(self._width)]
        return Block(self._names, range(first, first + len(lines)), columns)

    def _quoted(self, written: str, first: int) -> Block | None:
        lines = io.StringIO(written, newline="")
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        rows, starts = [], [first]
        try:
            for row in reader:
                rows.append(row)
                starts.append(first + reader.line_num)
        except csv.Error:
            return None
        if set(map(len, rows)) != {self._width}:
            return None
        return Block(self._names, starts[:-1], list(zip(*rows, strict=True)))


def _is_comment(cells: Sequence[str]) -> bool:
    """Whether every cell with text begins with "#", as comments in Meta's templates do."""
    first = cells[0].lstrip(' "')
    return first.startswith("#") and all(
        not cell or cell.lstrip(' "').startswith("#") for cell in cells
    )


class _UsualCells:
    """The form of the cells in a feed's valid rows, column by column.

    Ids, prices and links contain no space and no markup. A line of prose that happens to split
    into the right number of cells has one somewhere.
    """

    def __init__(self, width: int) -> None:
        self._compact = [True] * width
        self._without_tags = [True] * width
        self._rows = 0

    def learn(self, cells: Sequence[str]) -> None:
        if self._rows < _LEARNED_ROWS:
            self._rows += 1
            for index, cell in enumerate(cells):
                if " " in cell:
                    self._compact[index] = False
                if "<" in cell:
                    self._without_tags[index] = False

    def fits(self, text: str, cells: Sequence[str] | Rejection, delimiter: str) -> bool:
        """Whether a line after a broken quote is one of the feed's rows."""
        if isinstance(cells, Rejection):
            return False
        if '"' in text:  # quotes stand at the edges of cells, or they belong to other text
            bare = text.replace('""', "")
            pieces = bare.split('"')
            if any(piece[:1] not in ("", delimiter) for piece in pieces[2::2]) or any(
                piece and not piece.endswith(delimiter) for piece in pieces[0:-1:2]
            ):
                return False
        if any(cell[:1].isspace() for cell in cells) or cells[0].lstrip().startswith("<"):
            return False
        if not self._rows:
            return True
        return not any(
            (compact and " " in cell) or (plain and "<" in cell)
            for cell, compact, plain in zip(cells, self._compact, self._without_tags, strict=True)
        )


def _parse(
    line: Line, lines: "_Lines", delimiter: str, width: int | None = None
) -> list[str] | Rejection:
    """The cells of the record that starts with a line; reads more lines from ``lines``."""
    lines.reached, lines.cut, lines.short = line.number, False, False
    if line.fault:
        lines.short = True
        return reject(line.number, "", line.text, line.fault)
    if '"' not in line.text:
        cells = line.text.split(delimiter)
        if width is None or len(cells) == width:
            return cells
        lines.short = len(cells) < width
        return _fit(line, cells, width)
    follow: list[Line] = []
    try:
        cells = next(csv.reader(_record(line, lines, follow), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        lines.give_back(follow)
        lines.short = True
        return reject(line.number, "", line.text, f"the quoting is broken ({error})")
    if width is not None and len(cells) != width:
        # A stray quote whose partner is some lines below also ends here.
        lines.give_back(follow)
        lines.short = len(cells) < width
        return _fit(line, cells, width, over_lines=bool(follow))
    return cells


def _record(line: Line, lines: "_Lines", follow: list[Line]) -> Iterator[str]:
    """The physical lines of one record, as ``csv.reader`` asks for them, within the bounds."""
    yield line.text + line.end
    size = len(line.text)
    while (following := lines.take()) is not None:
        follow.append(following)
        lines.reached = following.number
        size += len(following.text) + 1
        if following.fault or size > MAX_LINE:
            lines.cut = True
            return
        yield following.text + following.end


def _fit(
    line: Line, cells: list[str], width: int, over_lines: bool = False
) -> list[str] | Rejection:
    """Cut empty cells beyond the header (spreadsheets write them); reject other extra cells."""
    if len(cells) > width and not over_lines and not any(cells[width:]):
        return cells[:width]
    rule = f"the row has {len(cells)} fields, the header {width}"
    return reject(line.number, "", line.text, rule)


class _Lines:
    """Lines with pushback: what a broken quote swallowed is read again as rows.

    ``reached`` is the number of the last line that the current record has read; ``cut`` means that
    the size limit ended it, ``short`` that it lacks cells or the end of one; ``is_over`` that the
    file's last line was read and has no line end.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self._fresh = lines
        self._again: deque[Line] = deque()
        self.reached = 0
        self.cut = False
        self.is_over = False
        self.short = False

    def __iter__(self) -> Iterator[Line]:
        while (line := self.take()) is not None:
            yield line

    def take(self) -> Line | None:
        if self._again:
            return self._again.popleft()
        line = next(self._fresh, None)
        if line is not None:
            self.is_over = not line.end
        return line

    @property
    def has_again(self) -> bool:
        """Whether lines are to be read again."""
        return bool(self._again)

    def give_back(self, lines: list[Line]) -> None:
        self._again.extendleft(reversed(lines))
