"""Tables that no platform claims: refuse those that would be half understood.

A shop system that no reader knows may write variants below their product, with the product's title
and category on the first row alone. Read row by row, parents would become products, and variants
be lost.
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.readers.record import Table, shorten
from catalog_gen.catalog.validation import ID_MISSING, TITLE_MISSING
from catalog_gen.errors import FeedError

#: Columns of tables with products and variants.
_OF_VARIANTS: Final = re.compile(
    r"variation|variant|parent|(?:option|attribute)[ _]?(?:name|value|\d)|fieldtype|handle",
    re.IGNORECASE,
)
#: What a column of row types says of a variant, and of everything else.
_VARIANTS: Final = frozenset({"variation", "variant", "product_variation"})
_OTHERS: Final = frozenset({"variable", "product", "simple", "grouped"})
_LOOKED_AT: Final = 1000

_NEXT: Final = (
    "No platform's export has these columns. Give every row its own id and title, or name the "
    "right columns in [feed] aliases. If it is a platform's, export it in English."
)


def require_one_kind(path: Path, table: Table) -> None:
    """Require that no column tells products from variants, in the first thousand rows.

    Raises:
        FeedError: one does, such as "type" with "variable" and "variation".
    """
    kinds: list[set[str]] = [set() for _ in table.names]
    for record in islice(table.records(), _LOOKED_AT):
        if record.names is table.names:
            for found, value in zip(kinds, record.values, strict=True):
                if 3 <= len(value) <= 20:
                    found.add(value.casefold())
    for name, found in zip(table.names, kinds, strict=True):
        if found & _VARIANTS and found & _OTHERS:
            shown = ", ".join(sorted(found & (_VARIANTS | _OTHERS)))
            raise FeedError(
                str(path),
                f"has rows of several kinds in its column '{shorten(name)}' ({shown}); its columns "
                f"are: {shorten_columns(', '.join(table.names))}",
                _NEXT,
            )


def require_products(
    path: Path, table: Table, rejections: Sequence[Rejection], rows_read: int
) -> None:
    """Require ids and titles: in most rows, and in all rows of a table with variants.

    Raises:
        FeedError: too many rows lack one.
    """
    bare = sum(each.rule in (ID_MISSING, TITLE_MISSING) for each in rejections)
    with_variants = any(map(_OF_VARIANTS.search, table.names))
    if (bare and with_variants) or (bare > 1 and 2 * bare > rows_read):
        raise FeedError(
            str(path),
            f"{bare} of its {rows_read} rows have no id or no title; its columns are: "
            f"{shorten_columns(', '.join(table.names))}",
            _NEXT,
        )


def shorten_columns(columns: str) -> str:
    """Shorten a list of columns for a message: printable, at most a few lines."""
    pieces = [
        shorten(columns[start : start + 79]) for start in range(0, min(len(columns), 790), 79)
    ]
    return "".join(pieces)
