"""What the readers pass on: records under column names, rows that are skipped, rejections.

Records are not yet products: names are mapped in ``aliases``, values judged in ``validation``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from catalog_gen.catalog.product import Rejection
from catalog_gen.redaction import without_credentials

SHOWN_CHARACTERS: Final = 80
#: Characters of a rejected value in which credentials are looked for; far beyond what is shown.
_LOOKED_AT: Final = 4096
#: Fields of a row. Ten times what any shop exports; every field costs memory beyond its text.
MAX_FIELDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Record:
    """One row; ``names`` and ``values`` are equally long.

    ``line`` is the physical line on which the row starts, from 1; in Parquet, the row's number.
    Readers share one ``names`` tuple between rows where they can: naming is cached by it.
    """

    line: int
    names: tuple[str, ...]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sound row that is no product for sale: ``why`` is a word such as draft or parent."""

    line: int
    why: str


RawRow = Record | Rejection
Row = Record | Rejection | Skipped


@dataclass(frozen=True, slots=True)
class Table:
    """A feed as columns and rows, before anybody has said what they mean.

    Attributes:
        format: csv, tsv, jsonl, parquet or xml.
        names: the columns; of JSONL those of the first object, of XML none.
        read: the rows from the start, each time it is called.
        delimiter: between the cells of a csv or tsv.
        preamble: the lines above the header as they are, ``sep=;`` and comments among them.
        line_end: how the header's line ends.
        header: the columns of a csv or tsv as they are written, blanks at their edges included.
    """

    format: str
    encoding: str
    names: tuple[str, ...]
    read: Callable[[], Iterator[RawRow]]
    delimiter: str = ""
    preamble: tuple[str, ...] = ()
    line_end: str = "\n"
    header: tuple[str, ...] = ()

    def records(self) -> Iterator[Record]:
        """The rows that could be read, from the start."""
        return (row for row in self.read() if isinstance(row, Record))


def shorten(value: str) -> str:
    """At most 80 characters, all printable, fit for a table or a log."""
    shown = value[: SHOWN_CHARACTERS + 1]
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[: SHOWN_CHARACTERS - 1] + "…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def reject(line: int, field: str, value: str, rule: str, product_id: str = "") -> Rejection:
    """A rejection whose value and id are shortened, without the credentials of URLs."""
    shown = shorten(without_credentials(value[:_LOOKED_AT]))
    return Rejection(line, field, shown, rule, shorten(product_id))
