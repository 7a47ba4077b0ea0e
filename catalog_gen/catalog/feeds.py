"""Read a product feed of any supported format: every row a product or a rejection.

The format is decided by content first, then by the file's name. Rows stream through; what is kept
are the products and the rejections. Nothing is written and nothing fetched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.product import FeedContents, Product, Rejection
from catalog_gen.catalog.readers.delimited import read_table
from catalog_gen.catalog.readers.google_xml import read_google_xml, xml_encoding
from catalog_gen.catalog.readers.jsonl import read_jsonl
from catalog_gen.catalog.readers.lines import detect_encoding
from catalog_gen.catalog.readers.parquet import read_parquet
from catalog_gen.catalog.readers.record import MAX_FIELDS, OpenFeed, Row, shorten
from catalog_gen.catalog.readers.shopify import is_shopify, read_shopify
from catalog_gen.catalog.readers.source import FeedSource, inspect_source
from catalog_gen.catalog.validation import Validator
from catalog_gen.errors import FeedError
from catalog_gen.settings import FeedSettings

_FORMATS: Final = "Export the feed as CSV, TSV, JSONL, Parquet or Google Merchant XML."
_FOREIGN: Final = {
    b"PK\x03\x04": "is a zip file or a spreadsheet",
    b"%PDF": "is a PDF",
    b"\x28\xb5\x2f\xfd": "is packed with Zstandard",
    b"BZh": "is packed with bzip2",
    b"\xfd7zXZ": "is packed with xz",
    b"\xd0\xcf\x11\xe0": "is an old Excel file",
}


def read_feed(path: Path, settings: FeedSettings) -> FeedContents:
    """Read a whole feed.

    ``rows_read`` counts records: in Shopify's CSV a row with nothing but a further image belongs to
    its product and is not counted; blank lines never are. Of settings, the aliases and
    ``max_field_length`` matter here; ``settings.path`` does not.

    Raises:
        FeedError: the file can't be read as any format, or goes beyond the bounds on its size.
    """
    source = inspect_source(path)
    naming = Naming(settings.aliases)
    feed = _open(source, naming)
    validator = Validator(settings, naming)
    products: list[Product] = []
    rejections: list[Rejection] = []
    rows_read = 0
    for row in feed.rows:
        rows_read += 1
        result = row if isinstance(row, Rejection) else validator.judge(row)
        if isinstance(result, Product):
            products.append(result)
        else:
            rejections.append(result)
    return FeedContents(feed.format, feed.encoding, rows_read, tuple(products), tuple(rejections))


def _open(source: FeedSource, naming: Naming) -> OpenFeed:
    head = source.head
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise FeedError(str(source.path), what, _FORMATS)
    if head.startswith(b"PAR1"):
        if source.packed:
            raise FeedError(str(source.path), "is Parquet inside gzip", "Unpack it first.")
        return OpenFeed("parquet", "binary", read_parquet(source))
    start = _start(head)
    if start.startswith("<"):
        if start[:14].casefold().startswith(("<!doctype html", "<html")):
            raise FeedError(str(source.path), "is a web page", _FORMATS)
        return OpenFeed("google-xml", xml_encoding(source), read_google_xml(source))
    encoding = detect_encoding(source)
    shown = "utf-16" if encoding.startswith("utf-16") else encoding
    if start.startswith("[") and not source.name.endswith((".csv", ".tsv", ".jsonl")):
        rule = "is a JSON array"
        raise FeedError(str(source.path), rule, "Write one object a line, without the brackets.")
    if start.startswith("{") or source.name.endswith((".jsonl", ".ndjson")):
        return OpenFeed("jsonl", shown, read_jsonl(source, encoding))
    return _open_table(source, encoding, shown, naming)


def _open_table(source: FeedSource, encoding: str, shown: str, naming: Naming) -> OpenFeed:
    table = read_table(source, encoding)
    rows: Iterator[Row] = table.rows
    if len(table.header) > MAX_FIELDS:
        raise FeedError(
            str(source.path),
            f"has {len(table.header):,} columns, more than {MAX_FIELDS:,}",
            "Export fewer columns, or check the delimiter.",
        )
    if is_shopify(table.header):
        return OpenFeed("shopify-csv", shown, read_shopify(rows))
    if not naming.knows(table.header, "product_id"):
        columns = shorten(", ".join(table.header))
        raise FeedError(
            str(source.path),
            f"has no column for product ids; its columns are: {columns}",
            "Name the column in feed.aliases, e.g. aliases = { artikel = 'product_id' }.",
        )
    return OpenFeed("tsv" if table.delimiter == "\t" else "csv", shown, rows)


def _start(head: bytes) -> str:
    """The first visible characters, whatever the encoding."""
    text = head[:4096].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    return text.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip().decode("latin-1")
