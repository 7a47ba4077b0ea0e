"""Product feeds for sales channels, with the live pictures in them: Google Merchant Center so far.

It writes what it is given. Which pictures are live, and whether a channel's picture rules hold, is
decided elsewhere; so is copying the picture files.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

#: The columns of Google's product data specification that are written, in its order.
GOOGLE_COLUMNS: Final = (
    "id",
    "title",
    "description",
    "link",
    "image_link",
    "additional_image_link",
    "price",
    "availability",
)
#: Google takes at most ten additional pictures.
MAX_ADDITIONAL: Final = 10
#: The wide forms count, too: spreadsheets of some languages read them as the plain ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One product as a channel gets it."""

    product_id: str
    title: str
    description: str
    link: str
    images: tuple[str, ...]
    """File names of the live pictures below the base URL, the main one first; at least one."""
    price: str
    """As "19.90 EUR"; empty: not known."""
    availability: str
    """in_stock, out_of_stock, preorder or backorder; empty: not known."""


def write_google_feed(rows: Iterable[FeedRow], path: Path, base_url: str) -> None:
    """Writes a Google Merchant feed: tab-separated for ``.tsv`` and ``.txt``, else comma-separated.

    Rows are ordered by product id, so the same catalog is the same file. Tabs, line breaks and
    control characters in a value become spaces, and a value that a spreadsheet would run as a
    formula gets an apostrophe in front (OWASP, "CSV injection"). The file appears whole or not at
    all.

    Raises:
        ValueError: a row without a picture; Google rejects such a product.
    """
    text = io.StringIO(newline="")
    tabs = path.suffix.lower() in {".tsv", ".txt"}
    writer = csv.writer(text, delimiter="\t" if tabs else ",", lineterminator="\n")
    writer.writerow(GOOGLE_COLUMNS)
    for row in sorted(rows, key=lambda each: each.product_id):
        writer.writerow(_cells(row, base_url.rstrip("/")))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as stream:
            stream.write(text.getvalue())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _cells(row: FeedRow, base_url: str) -> list[str]:
    if not row.images:
        raise ValueError(f"product {row.product_id!r} has no picture; leave it out of the feed")
    links = [f"{base_url}/{quote(name)}" for name in row.images]
    return [
        safe_cell(value)
        for value in (
            row.product_id,
            row.title,
            row.description,
            row.link,
            links[0],
            ",".join(links[1 : 1 + MAX_ADDITIONAL]),
            row.price,
            row.availability,
        )
    ]


def safe_cell(value: str) -> str:
    """One line that a spreadsheet shows as it is: no control characters, never a formula."""
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
