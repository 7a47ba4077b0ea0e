"""Read a product feed of any supported format into products, rejections and skipped rows.

The format is decided by content first, then by the file's name; the platform by the columns. Rows
are streamed; only products and rejections are kept. Nothing is written or fetched.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Final, cast

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.parents import without_parents
from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.product_columns import Products
from catalog_gen.catalog.readers.delimited import header_candidates, read_table
from catalog_gen.catalog.readers.encodings import find_encoding
from catalog_gen.catalog.readers.google_xml import read_google_xml, xml_encoding
from catalog_gen.catalog.readers.jsonl import read_jsonl
from catalog_gen.catalog.readers.parquet import parquet_names, read_parquet
from catalog_gen.catalog.readers.reader import READERS, Reader, fold
from catalog_gen.catalog.readers.record import MAX_FIELDS, Block, Record, Row, Skipped, Table
from catalog_gen.catalog.readers.reports import report_kind
from catalog_gen.catalog.readers.source import FeedSource, inspect_source
from catalog_gen.catalog.unknown_tables import require_one_kind, require_products, shorten_columns
from catalog_gen.catalog.validation import Judged, Validator
from catalog_gen.errors import FeedError
from catalog_gen.garbage import uncollected
from catalog_gen.settings.feed import FeedSettings

#: The reader of tables that no platform claims, and the reader of Google's XML.
PLAIN: Final = "plain"
_XML: Final = "google"

#: The most rows of a batch, and about the most characters.
BATCH_ROWS: Final = 2_000
BATCH_SIZE: Final = 1_000_000

_FORMATS: Final = "Export the feed as CSV, TSV, JSONL, Parquet or Google Merchant XML."
_JSON_ARRAY: Final = re.compile(r"\[\s*[\[{\]]")
_FOREIGN: Final = {
    b"PK\x03\x04": "is a zip file or a spreadsheet",
    b"%PDF": "is a PDF",
    b"\x28\xb5\x2f\xfd": "is packed with Zstandard",
    b"BZh": "is packed with bzip2",
    b"\xfd7zXZ": "is packed with xz",
    b"\xd0\xcf\x11\xe0": "is an old Excel file",
}


@dataclass(frozen=True, slots=True)
class OpenFeed:
    """A recognised feed whose rows are still to be read.

    ``platform`` is the reader's registered name.
    """

    platform: str
    reader: Reader
    table: Table
    naming: Naming


def platform_title(platform: str) -> str:
    """A platform's name for people; the registered name if its reader is no longer installed."""
    return READERS.get(platform).title if platform in READERS.names() else platform


def read_feed(path: Path, settings: FeedSettings) -> FeedContents:
    """Read a whole feed.

    ``rows_read`` counts records: a row that only adds an image or a translation, as in Shopify,
    belongs to its product and is not counted, nor are blank lines. Of ``settings``, only aliases,
    ``platform``, ``encoding`` and ``max_field_length`` are used; ``settings.path`` is ignored.

    Raises:
        FeedError: the file can't be read as any format, no reader knows its columns, or it exceeds
            the size limits.
    """
    with uncollected():
        return _read(path, open_feed(path, settings), settings)


def _read(path: Path, feed: OpenFeed, settings: FeedSettings) -> FeedContents:
    if feed.platform == PLAIN:
        require_one_kind(path, feed.table)
    validator = Validator(settings, feed.naming)
    products: list[Products] = []
    rejections: list[Rejection] = []
    skipped: Counter[str] = Counter()
    rows_read = 0
    for part in _parts(feed.reader.blocks(feed.table, feed.naming)):
        if isinstance(part, Block):
            judged = validator.judge_block(part)
            rows_read += len(part)
            rejections += judged.refused.values()
        else:
            judged = validator.judge([row for row in part if isinstance(row, Record)])
            rows_read += len(part)
            rejections += _rejections(part, judged)
            skipped.update(row.why for row in part if isinstance(row, Skipped))
        products.append(judged.products)
    if feed.platform == PLAIN:
        require_products(path, feed.table, rejections, rows_read)
    found = Products.joined(products)
    kept = without_parents(found)
    if len(kept) < len(found):
        skipped["parent"] += len(found) - len(kept)
    return FeedContents(
        format=feed.table.format,
        encoding=feed.table.encoding,
        rows_read=rows_read,
        products=kept,
        rejections=tuple(rejections),
        platform=feed.platform,
        skipped=dict(sorted(skipped.items())),
    )


def _parts(parts: Iterable[Block | Row]) -> Iterator[Block | list[Row]]:
    """Blocks, and the rows between them in batches."""
    for alike, run in groupby(parts, lambda part: isinstance(part, Block)):
        if alike:
            yield from cast(Iterator[Block], run)
        else:
            yield from batches(cast(Iterator[Row], run))


def _rejections(rows: Sequence[Row], judged: Judged) -> Iterator[Rejection]:
    """The rows that could not be read, and the records that are no products, in their order."""
    place = 0
    for row in rows:
        if isinstance(row, Rejection):
            yield row
        elif isinstance(row, Record):
            if place in judged.refused:
                yield judged.refused[place]
            place += 1


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists of some thousand; of less where they are large, since memory is limited."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row.values)) if isinstance(row, Record) else 0
        if len(batch) == BATCH_ROWS or size > BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def open_feed(path: Path, settings: FeedSettings) -> OpenFeed:
    """Find a feed's format, encoding, header and platform.

    Raises:
        FeedError: as for ``read_feed``, except for faults further down in the file.
    """
    source = inspect_source(path)
    naming = Naming(settings.aliases)
    head = source.head
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise FeedError(str(source.path), what, _FORMATS)
    if head.startswith(b"PAR1"):
        if source.packed:
            raise FeedError(str(source.path), "is Parquet inside gzip", "Unpack it first.")
        names = parquet_names(source)
        table = Table("parquet", "binary", names, lambda: read_parquet(source))
        return _recognised(source, [table], naming, settings)
    start = _start(head)
    if start.startswith("<"):
        if start[:14].casefold().startswith(("<!doctype html", "<html")):
            raise FeedError(str(source.path), "is a web page", _FORMATS)
        table = Table("xml", xml_encoding(source), (), lambda: read_google_xml(source))
        name = settings.platform or _XML
        return OpenFeed(name, READERS.get(name)(), table, naming)
    if _JSON_ARRAY.match(start):
        rule = "is a JSON array"
        raise FeedError(str(source.path), rule, "Write one object a line, without the brackets.")
    encoding = find_encoding(source, settings.encoding)
    if start.startswith("{") or source.name.endswith((".jsonl", ".ndjson")):
        return _json_lines(source, encoding, naming, settings)
    candidates = header_candidates(source, encoding)
    tables = [read_table(source, encoding, each) for each in candidates]
    return _recognised(source, tables, naming, settings)


def _json_lines(
    source: FeedSource, encoding: str, naming: Naming, settings: FeedSettings
) -> OpenFeed:
    """Read JSON Lines; an object without id or title is rejected without ending the feed."""
    rows = read_jsonl(source, encoding)
    first = next((row for row in rows if isinstance(row, Record)), None)
    if first is None or source.head.split(maxsplit=1)[0] == b"{":
        rule = "has not one JSON object on each line"
        raise FeedError(str(source.path), rule, "Write each product as one object on one line.")
    table = Table("jsonl", encoding, first.names, lambda: read_jsonl(source, encoding))
    platform = settings.platform or _platform_of([table])[0] or PLAIN
    return OpenFeed(platform, READERS.get(platform)(), table, naming)


def _recognised(
    source: FeedSource, tables: list[Table], naming: Naming, settings: FeedSettings
) -> OpenFeed:
    """The table whose header a platform claims, else the first with ids and titles.

    Raises:
        FeedError: there is no such table, or its header has too many columns.
    """
    platform, table = _platform_of(tables)
    if settings.platform:
        platform = settings.platform
        reader = READERS.get(platform)()
        table = table or max(tables, key=lambda each: reader.score(_folded(each)))
    if table is None:
        platform = PLAIN
        table = next((each for each in tables if not _missing(each, naming)), None)
    if not settings.platform and (kind := report_kind(_folded(table or tables[0]))):
        raise FeedError(
            str(source.path),
            f"is a list of {kind}, not of products",
            "Export the shop's products, or set feed.platform if it is one of products.",
        )
    if table is None:
        raise _unknown(source, tables[0], naming)
    if len(table.names) > MAX_FIELDS:
        raise FeedError(
            str(source.path),
            f"has {len(table.names):,} columns, more than {MAX_FIELDS:,}",
            "Export fewer columns, or check the delimiter.",
        )
    return OpenFeed(platform, READERS.get(platform)(), table, naming)


def _platform_of(tables: list[Table]) -> tuple[str, Table | None]:
    """The platform with the highest score for one of the headers; "" and None if all are 0."""
    best: tuple[int, str, Table | None] = (0, "", None)
    for table in tables:
        if len(table.names) > MAX_FIELDS:
            continue
        names = _folded(table)
        for platform, reader in READERS.items():
            score = reader().score(names)
            if score > best[0]:
                best = (score, platform, table)
    return best[1], best[2]


def _folded(table: Table) -> frozenset[str]:
    return frozenset(map(fold, table.names))


def _missing(table: Table, naming: Naming) -> list[str]:
    """The required fields (id and title) for which there is no column."""
    wanted = {"product_id": "product ids", "title": "titles"}
    return [what for field, what in wanted.items() if not naming.knows(table.names, field)]


def _unknown(source: FeedSource, table: Table, naming: Naming) -> FeedError:
    """The error for unknown columns, with the aliases to set."""
    missing = _missing(table, naming)
    columns = ", ".join(chain(table.names[:40], ["..."] if len(table.names) > 40 else []))
    fields = {"product ids": "product_id", "titles": "title"}
    aliases = ", ".join(f'"YOUR COLUMN" = "{fields[what]}"' for what in missing)
    return FeedError(
        str(source.path),
        f"has no column for {' and none for '.join(missing)}; its columns are: "
        f"{shorten_columns(columns)}",
        f"No platform's export has these columns. Map yours in the settings: "
        f"[feed] aliases = {{ {aliases} }}.",
    )


def _start(head: bytes) -> str:
    """The first visible characters, whatever the encoding."""
    text = head[:4096].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    return text.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip().decode("latin-1")
