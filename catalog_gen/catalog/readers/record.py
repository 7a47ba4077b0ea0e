"""The output of the readers: records under column names, skipped rows, rejections.

Records are not products yet: ``aliases`` maps the names, ``validation`` checks the values.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

from catalog_gen.catalog.product import Rejection
from catalog_gen.redaction import without_credentials

SHOWN_CHARACTERS: Final = 80
#: Characters of a rejected value that are searched for credentials; far more than are shown.
_LOOKED_AT: Final = 4096
#: Maximum fields of a row: ten times what any shop exports; every field costs memory.
MAX_FIELDS: Final = 2000


class Record(NamedTuple):
    """One row; ``names`` and ``values`` are equally long.

    ``line`` is the physical line on which the row starts, from 1; in Parquet, the row's number.
    Readers share one ``names`` tuple between rows where they can: naming is cached by it.
    """

    line: int
    names: tuple[str, ...]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Block:
    """Records of the same names, column by column, and the lines on which they start."""

    names: tuple[str, ...]
    lines: Sequence[int]
    columns: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.lines)

    def records(self) -> Iterator[Record]:
        """The records one by one."""
        rows = zip(*self.columns, strict=True) if self.columns else repeat((), len(self))
        return map(Record, self.lines, repeat(self.names), rows)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A valid row that is not for sale: ``why`` is a word such as draft or parent."""

    line: int
    why: str


RawRow = Record | Rejection


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """A record as the file has it: ``text`` are its characters, with the line ends inside.

    ``below`` are the lines after it that are no records: comments, blank ones, broken ones.
    """

    record: Record | None
    text: str
    below: str = ""


Row = Record | Rejection | Skipped


@dataclass(frozen=True, slots=True)
class Table:
    """A feed as columns and rows, before they are interpreted.

    Attributes:
        format: csv, tsv, jsonl, parquet or xml.
        names: the columns; for JSONL those of the first object, for XML none.
        blocks: returns an iterator over the rows from the start, on every call; many records at a
            time where nothing about them needs care.
        delimiter: between the cells of a csv or tsv.
        preamble: the lines above the header, unchanged, including ``sep=;`` and comments.
        line_end: how the header's line ends.
        header: the columns of a csv or tsv as they are written, blanks at their edges included.
        written: the records of a csv or tsv as they are written; the first has no record, and
            below it stands what follows the header.
    """

    format: str
    encoding: str
    names: tuple[str, ...]
    blocks: Callable[[], Iterator[Block | RawRow]]
    delimiter: str = ""
    preamble: tuple[str, ...] = ()
    line_end: str = "\n"
    header: tuple[str, ...] = ()
    written: Callable[[], Iterator[WrittenRow]] | None = None

    def read(self) -> Iterator[RawRow]:
        """The rows one by one, from the start."""
        for part in self.blocks():
            if isinstance(part, Block):
                yield from part.records()
            else:
                yield part

    def records(self) -> Iterator[Record]:
        """The rows that could be read, from the start."""
        return (row for row in self.read() if isinstance(row, Record))


def shorten(value: str) -> str:
    """Shorten a value to at most 80 printable characters, for a table or a log."""
    shown = value[: SHOWN_CHARACTERS + 1]
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[: SHOWN_CHARACTERS - 1] + "…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def reject(line: int, field: str, value: str, rule: str, product_id: str = "") -> Rejection:
    """Make a rejection, with value and id shortened and credentials removed from URLs."""
    shown = shorten(without_credentials(value[:_LOOKED_AT]))
    return Rejection(line, field, shown, rule, shorten(product_id))
