"""The shop's own feed, read again for exports from the newest copy.

A channel of the same platform gets its rows back with the new pictures. Other channels get the
values that the catalog does not store, such as the HTML of descriptions and whole category paths.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from catalog_gen.catalog.feeds import OpenFeed, open_feed
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.readers.google_xml import COMPOSED
from catalog_gen.catalog.readers.reader import fold, without_entities
from catalog_gen.catalog.readers.record import Record
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
from catalog_gen.settings import FeedSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.feed import current_feed
from catalog_gen.store.figures import feed_platform

#: Feeds with a header; the columns of the others are those that their rows have.
_TABULAR: Final = frozenset({"csv", "tsv", "parquet"})
#: The separator before the number of a column whose name occurs more than once in the header.
_AGAIN: Final = "\0"
#: Channels that take feeds of any platform.
_BUILDING: Final = ("google", "meta", "shopify", "woocommerce", "files")


@dataclass(frozen=True, slots=True)
class FeedText:
    """A feed to be written: its bytes, and its file suffix."""

    content: bytes
    suffix: str = "csv"


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
        for row in self.feed.reader.rows(self.feed.table, self.feed.naming):
            if isinstance(row, Record):
                product = validator.judge(row)
                if isinstance(product, Product):
                    yield product, row, validator.raw(row)


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


def raw_texts(feed: ShopFeed | None) -> dict[str, tuple[str, str]]:
    """The feed's unchanged description and whole category path, by product."""
    if feed is None:
        return {}
    return {
        product.product_id: (raw.get("description", ""), without_entities(raw.get("category", "")))
        for product, _, raw in feed.products()
    }


def with_raw_texts(product: ChannelProduct, texts: Mapping[str, tuple[str, str]]) -> ChannelProduct:
    """The product with the values that the catalog does not store."""
    description, category = texts.get(product.product_id, ("", ""))
    number = category.isdecimal()  # a bare number of Google's taxonomy
    return replace(
        product,
        description=description or product.description,
        category=product.category if number or not category else category,
    )


def channel_text(
    channel: Channel,
    back: ShopFeed | None,
    products: Sequence[ChannelProduct],
    base_url: str,
    facts: ShopFacts,
) -> FeedText:
    """The channel's feed: the shop's own rows with new pictures, or newly built rows."""
    if back is not None:
        images = {product.product_id: product.images for product in products}
        return given_back(channel, back, images, base_url)
    return FeedText(channel.feed(products, base_url, facts).encode("utf-8", "replace"))


def given_back(
    channel: Channel, shop: ShopFeed, images: Mapping[str, tuple[str, ...]], base_url: str
) -> FeedText:
    """Every row of the shop's feed unchanged, except for the pictures of these products.

    Delimiter, encoding, line ends, column order and the lines above the header stay the same. XML
    becomes CSV, with compound fields written as in Google's text feeds. Rows that could not be read
    are left out.
    """
    table = shop.feed.table
    lines: dict[int, tuple[str, tuple[str, ...]]] = {}
    for product, record, _ in shop.products():
        if product.product_id in images:
            links = picture_links(base_url, images[product.product_id])
            lines[record.line] = (product.title, links)
    columns = _columns(shop)
    added = channel.added_columns(columns, more=any(len(links) > 1 for _, links in lines.values()))
    text = io.StringIO(newline="")
    for line in table.preamble:
        text.write(line + table.line_end)
    writer = csv.writer(text, delimiter=table.delimiter or ",", lineterminator=table.line_end)
    header = table.header or [column.split(_AGAIN)[0] for column in columns]
    writer.writerow([*header, *added])
    for row in channel.give_back(_rows(channel, shop, columns, added, lines)):
        writer.writerow(row.values())
    encoding = table.encoding if table.format in ("csv", "tsv", "jsonl") else "utf-8"
    content = text.getvalue().encode(encoding, "surrogateescape")
    return FeedText(content, "tsv" if table.delimiter == "\t" else "csv")


def _rows(
    channel: Channel,
    shop: ShopFeed,
    columns: tuple[str, ...],
    added: tuple[str, ...],
    lines: Mapping[int, tuple[str, tuple[str, ...]]],
) -> Iterator[GivenRow]:
    table = shop.feed.table
    for record in table.read():
        if not isinstance(record, Record):
            continue
        fields: Row = dict.fromkeys((*columns, *added), "")
        if table.format in _TABULAR:
            told = zip(columns, record.values, strict=True)
        else:
            told = zip(map(_merchant_name, record.names), record.values, strict=True)
        for column, value in told:
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
