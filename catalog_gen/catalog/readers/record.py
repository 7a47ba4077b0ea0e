"""What a reader yields: records under the feed's own column names, or rejections.

Records are not yet products: names are mapped in ``aliases``, values judged in ``validation``.
"""

from collections.abc import Iterator, Sequence
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
    """One row as the feed holds it; ``names`` and ``values`` are equally long.

    ``line`` is the physical line on which the row starts, from 1; in Parquet, the row's number.
    Readers share one ``names`` tuple between rows where they can: naming is cached by it.
    """

    line: int
    names: tuple[str, ...]
    values: Sequence[str]


Row = Record | Rejection


@dataclass(frozen=True, slots=True)
class OpenFeed:
    """A feed whose format is known and whose rows are still to be read."""

    format: str
    encoding: str
    rows: Iterator[Row]


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
