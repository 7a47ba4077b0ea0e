"""The shop's own feed, read again for exports from the newest copy.

A channel of the same platform gets its rows back with the new pictures. Other channels get the
values that the catalog does not store, such as the HTML of descriptions and whole category paths.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from typing import IO, Final, TextIO

from catalog_gen.catalog.feeds import OpenFeed, batches, open_feed
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.readers.cells import changed_text, written_cells
from catalog_gen.catalog.readers.google_xml import COMPOSED
from catalog_gen.catalog.readers.reader import fold, without_entities
from catalog_gen.catalog.readers.record import Record, Table, WrittenRow
from catalog_gen.catalog.validation import Validator
from catalog_gen.errors import InputError
from catalog_gen.reporting.channels.channel import (
    Channel,
    ChannelProduct,
    GivenRow,
    Row,
    ShopFacts,
    picture_links,
)
from catalog_gen.settings.feed import FeedSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.feed import current_feed
from catalog_gen.store.figures import feed_platform
from catalog_gen.store.live_products import RawText

#: Feeds with a header; the columns of the others are those that their rows have.
_TABULAR: Final = frozenset({"csv", "tsv", "parquet"})
#: The separator before the number of a column whose name occurs more than once in the header.
_AGAIN: Final = "\0"
#: A row's own entry beside its columns: the line on which the shop's feed has it.
_PLACE: Final = "\0line"
#: Channels that take feeds of any platform.
_BUILDING: Final = ("google", "meta", "shopify", "woocommerce", "files")


@dataclass(frozen=True, slots=True)
class ShopFeed:
    """The feed's copy, opened."""

    feed: OpenFeed
    settings: FeedSettings

    @classmethod
    def current(cls, catalog: Catalog) -> "ShopFeed | None":
        """The feed's newest copy; None if there is none, for example after ``restore``."""
        try:
            taken = current_feed(catalog.home)
        except InputError:
            return None
        settings = catalog.settings.feed
        return cls(open_feed(taken.path, settings), settings)

    def belongs_to(self, channel: Channel) -> bool:
        """Whether the channel writes this feed's rows back."""
        names = frozenset(map(fold, self.feed.table.names))
        return channel.takes_back(self.feed.platform, names)

    def products(self) -> Iterator[tuple[Product, Record, Mapping[str, str]]]:
        """The products for sale, with their records and the raw values of their core fields."""
        validator = Validator(self.settings, self.feed.naming)
        for rows in batches(self.feed.reader.rows(self.feed.table, self.feed.naming)):
            records = [row for row in rows if isinstance(row, Record)]
            judged = validator.judge(records)
            sold = [each for place, each in enumerate(records) if place not in judged.refused]
            yield from zip(judged.products, sold, validator.raw(sold), strict=True)


def own_feed(catalog: Catalog, channel: Channel) -> ShopFeed | None:
    """The current feed.

    Raises:
        InputError: the copy of the shop's feed, which is of the channel's platform, is missing;
            newly built rows would create new products in the shop.
        InputError: the channel takes only feeds of its own platform, and this is another one.
    """
    feed = ShopFeed.current(catalog)
    if feed is None:
        with catalog.store.reading() as connection:
            platform = feed_platform(connection)
        if platform in channel.platforms:
            raise InputError(
                f"channel '{channel.name}'",
                "writes the shop's own rows back, and the copy of the feed is gone",
                "Run `catalog-gen refresh`, which copies the feed again.",
            )
    if not channel.columns and (feed is None or not feed.belongs_to(channel)):
        platform = feed.feed.platform if feed else "no platform's"
        raise InputError(
            f"channel '{channel.name}'",
            f"only writes back feeds of its own platform, and this one is read as {platform}",
            f"Set feed.platform if it is one, or export for {', '.join(_BUILDING)}.",
        )
    return feed


def shop_facts(catalog: Catalog) -> ShopFacts:
    """The settings' defaults for fields that a feed lacks."""
    publish = catalog.settings.publish
    return ShopFacts(publish.shop_url, publish.availability, publish.currency)


def raw_texts(feed: ShopFeed | None) -> Iterator[RawText]:
    """The feed's unchanged descriptions and whole category paths."""
    if feed is None:
        return
    for product, _, raw in feed.products():
        category = without_entities(raw.get("category", ""))
        yield RawText(product.product_id, raw.get("description", ""), category)


def with_raw_text(product: ChannelProduct, raw: RawText | None) -> ChannelProduct:
    """The product with the values that the catalog does not store."""
    if raw is None:
        return product
    number = raw.category.isdecimal()  # a bare number of Google's taxonomy
    return replace(
        product,
        description=raw.description or product.description,
        category=product.category if number or not raw.category else raw.category,
    )


def feed_name(channel: Channel, back: ShopFeed | None) -> str:
    """The name of the channel's feed: the suffix is that of the shop's rows, if it has them."""
    tabs = back is not None and back.feed.table.delimiter == "\t"
    return f"{channel.name}.{'tsv' if tabs else 'csv'}"


def write_feed(
    stream: IO[bytes],
    channel: Channel,
    back: ShopFeed | None,
    products: Iterable[ChannelProduct],
    base_url: str,
    facts: ShopFacts,
) -> None:
    """Write the channel's feed: the shop's own rows with new pictures, or newly built rows."""
    if back is not None:
        images = {product.product_id: product.images for product in products}
        give_back(stream, channel, back, images, base_url)
        return
    with _as_text(stream, "utf-8", "replace") as text:
        channel.write_feed(text, products, base_url, facts)


def give_back(
    stream: IO[bytes],
    channel: Channel,
    shop: ShopFeed,
    images: Mapping[str, tuple[str, ...]],
    base_url: str,
) -> None:
    """Write every row of the shop's feed unchanged, except for the pictures of these products.

    The dialect stays: delimiter, encoding, line ends, column order, quotes; so do the lines that
    are no rows, above the header and below it. XML becomes CSV, and fields of several parts as
    Google's text feeds write them.
    """
    table = shop.feed.table
    lines: dict[int, tuple[str, tuple[str, ...]]] = {}
    for product, record, _ in shop.products():
        if product.product_id in images:
            links = picture_links(base_url, images[product.product_id])
            lines[record.line] = (product.title, links)
    columns = _columns(shop)
    added = channel.added_columns(columns, more=any(len(links) > 1 for _, links in lines.values()))
    encoding = table.encoding if table.format in ("csv", "tsv", "jsonl") else "utf-8"
    with _as_text(stream, encoding, "surrogateescape") as text:
        written = _Written(text, table, columns, added)
        for row in channel.give_back(_rows(channel, written, lines)):
            written.write(row)


@contextmanager
def _as_text(stream: IO[bytes], encoding: str, errors: str) -> Iterator[TextIO]:
    """The stream for text, which stays open at the end."""
    text = TextIOWrapper(stream, encoding, errors, newline="")
    try:
        yield text
    finally:
        text.detach()


class _Written:
    """The feed as it is written: unchanged cells, and lines that are no rows, as they were."""

    def __init__(
        self, stream: TextIO, table: Table, columns: tuple[str, ...], added: tuple[str, ...]
    ) -> None:
        self._stream = stream
        self._table = table
        self._columns = columns
        self._delimiter = table.delimiter or ","
        self._added = added
        self._writer = csv.writer(
            self._stream, delimiter=self._delimiter, lineterminator=table.line_end
        )
        self._rows: dict[str, tuple[WrittenRow, list[str]]] = {}
        for line in table.preamble:
            self._stream.write(line + table.line_end)
        if table.written is None:
            self._writer.writerow([*(column.split(_AGAIN)[0] for column in columns), *added])

    def records(self) -> Iterator[Record]:
        """The records, in order; the header is written on the way."""
        if self._table.written is None:
            yield from self._table.records()
            return
        for row in self._table.written():
            if row.record is None:
                header = list(self._table.header)
                self._put(row, header, [*header, *self._added])
            else:
                self._rows[str(row.record.line)] = (row, list(row.record.values))
                yield row.record

    def cells(self, record: Record) -> Iterator[tuple[str, str]]:
        """A record's values with their columns."""
        if self._table.format in _TABULAR:
            return zip(self._columns, record.values, strict=True)
        return zip(map(_merchant_name, record.names), record.values, strict=True)

    def fields(self, record: Record) -> Row:
        """An empty row with every column, and with the record's place behind them."""
        return {**dict.fromkeys((*self._columns, *self._added), ""), _PLACE: str(record.line)}

    def write(self, row: Row) -> None:
        """A row of the channel's: one of the feed's, or a new one."""
        place = row.get(_PLACE, "")
        values = [value for name, value in row.items() if name != _PLACE]
        if place in self._rows:
            self._put(*self._rows.pop(place), values)
        else:
            self._writer.writerow(values)

    def _put(self, row: WrittenRow, before: list[str], after: list[str]) -> None:
        body = row.text.rstrip("\r\n")
        end = row.text[len(body) :] or self._table.line_end
        changed = changed_text(body, self._delimiter, before, after)
        if changed is None:
            self._writer.writerow(after)
        else:
            self._stream.write(changed + end)
        self._stream.write(self._widened(row.below))

    def _widened(self, below: str) -> str:
        """Comments get empty cells for the added columns; other lines stay as they are."""
        if not self._added or not below:
            return below
        lines = below.splitlines(keepends=True)
        for index, line in enumerate(lines):
            body = line.rstrip("\r\n")
            if body.lstrip(' "').startswith("#") and (
                len(written_cells(body, self._delimiter)) == len(self._columns)
            ):
                lines[index] = body + self._delimiter * len(self._added) + line[len(body) :]
        return "".join(lines)


def _rows(
    channel: Channel, written: _Written, lines: Mapping[int, tuple[str, tuple[str, ...]]]
) -> Iterator[GivenRow]:
    for record in written.records():
        fields = written.fields(record)
        for column, value in written.cells(record):
            if column in fields and not fields[column]:
                fields[column] = channel.cleaned(column, value)
        title, links = lines.get(record.line, ("", ()))
        yield GivenRow(fields, links, title)


def _columns(shop: ShopFeed) -> tuple[str, ...]:
    """The columns of the written feed, in the order of the shop's feed."""
    table = shop.feed.table
    if table.format in _TABULAR:
        before: Counter[str] = Counter()
        unique: list[str] = []
        for name in table.names:
            unique.append(f"{name}{_AGAIN}{before[name]}" if before[name] else name)
            before[name] += 1
        return tuple(unique)
    found: dict[str, None] = {}
    for record in table.read():
        if isinstance(record, Record):
            found |= dict.fromkeys(map(_merchant_name, record.names))
    parts = {f"{field[2:]}_{part}" for field, names in COMPOSED.items() for part in names}
    return tuple(name for name in found if name not in parts)


def _merchant_name(name: str) -> str:
    """Google's name for an XML field; Atom's summary is the description."""
    return "description" if name == "summary" else name.removeprefix("g:")
