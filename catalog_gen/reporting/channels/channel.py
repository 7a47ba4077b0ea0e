"""The interface of a sales channel: the base of the classes in this package.

A channel takes pictures in a form of its own, and a feed. Where the shop's feed came from the same
platform, the channel gives its rows back with other pictures (``give_back``); from another one, it
builds rows from the feed and the settings, and reports missing fields. The rules are those that
the channels publish; passports hold the rules for what a picture shows. Nothing here reads the
store or writes a file.
"""

import csv
import io
import re
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import quote

from catalog_gen.catalog.product import Product
from catalog_gen.imaging.encode import Rendition
from catalog_gen.registry import Registry

#: The wide forms count, too: spreadsheets of some languages read them as the plain ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

#: A spreadsheet whose cells are parted by ";" begins a cell here, formulas included.
_AFTER_SEMICOLON: Final = re.compile(rf';(["\s]*)(?=[{re.escape("".join(_FORMULA_STARTS))}])')

SUFFIXES: Final[Mapping[Rendition, str]] = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


@dataclass(frozen=True, slots=True)
class PictureForm:
    """The picture format that a channel takes.

    The channel's passport has the rules for what it refuses. ``max_side`` is in pixels; larger
    pictures are scaled down.
    """

    rendition: Rendition
    max_side: int
    quality: int = 92

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height, scaled down to the longest allowed side if larger."""
        scale = min(1.0, self.max_side / max(height, width))
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True, slots=True)
class ChannelProduct:
    """One product as a channel gets it.

    ``images`` are file names below the base URL, the main one first; ``attributes`` are the feed's
    other fields by their canonical names. ``description`` may be HTML, ``category`` a whole path.
    """

    product_id: str
    title: str
    description: str
    category: str
    group_id: str
    images: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, product: Product, images: Iterable[str]) -> "ChannelProduct":
        """A product of the catalog with its picture files, the main one first."""
        return cls(
            product_id=product.product_id,
            title=product.title,
            description=product.description,
            category=product.category,
            group_id=product.group_id,
            images=tuple(images),
            attributes=product.attributes,
        )


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """Defaults from the settings for fields that a feed lacks: ``publish.shop_url`` and others."""

    shop_url: str = ""
    availability: str = ""
    currency: str = ""


Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A row of the shop's own feed, with the pictures of its product; none: they stay as they are.

    ``fields`` has every column of the feed, in its order.
    """

    fields: Row
    links: tuple[str, ...] = ()
    title: str = ""


class Channel(ABC):
    """One channel.

    Attributes:
        form: how it wants its pictures.
        platforms: the readers whose feeds it gives back.
        max_additional: pictures beside the main one.
        main: its columns for the main picture, as the platform may spell them: those that the feed
            has are set, and the first is added if it has none.
        more: its column for a list of further pictures, and what parts them.
        numbered: its columns for one further picture each, with the number in braces.
        columns: the columns of a feed from another platform; none: it takes none.
        required: those of them that may not be empty.
        id_length: characters of an id, where the channel has a limit; it then takes ids that
            differ in upper and lower case alone for one. 0: it keeps all apart.
        for_people: whether a spreadsheet reads the feed, which would run a formula.
    """

    name: ClassVar[str]
    form: ClassVar[PictureForm] = PictureForm("JPEG", max_side=2048)
    platforms: ClassVar[frozenset[str]] = frozenset()
    max_additional: ClassVar[int] = 10
    main: ClassVar[tuple[str, ...]] = ()
    more: ClassVar[tuple[str, str] | None] = None
    numbered: ClassVar[str | None] = None
    columns: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ()
    id_length: ClassVar[int] = 0
    for_people: ClassVar[bool] = False

    def takes_back(self, platform: str, names: frozenset[str]) -> bool:
        """Whether a feed of this platform with these columns is this channel's own."""
        return platform in self.platforms

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        """A product's rows, from another platform's feed, with the addresses of its pictures."""
        raise NotImplementedError(f"{self.name} takes no other platform's feed")

    def missing(self, product: ChannelProduct, shop: ShopFacts | None = None) -> list[str]:
        """The required columns that this product would leave empty."""
        (first, *_) = self.rows(product, ["https://example.org/1"], shop or ShopFacts())
        return self.lacking(first)

    def lacking(self, row: Row) -> list[str]:
        """Required values missing in a product's first row."""
        return [name for name in self.required if not row.get(name)]

    def feed(
        self, products: Iterable[ChannelProduct], base_url: str, shop: ShopFacts | None = None
    ) -> str:
        """The feed as CSV, ordered by product id: the same catalog is the same text.

        Raises:
            ValueError: a product without a picture; a channel would reject it.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        cell = safe_cell if self.for_people else one_line
        for product in sorted(products, key=lambda each: each.product_id):
            if not product.images:
                name = product.product_id
                raise ValueError(f"product {name!r} has no picture; leave it out of the feed")
            links = picture_links(base_url, product.images)
            for row in self.rows(product, links, shop or ShopFacts()):
                writer.writerow({name: cell(value) for name, value in row.items()})
        return text.getvalue()

    def added_columns(self, names: Sequence[str], *, more: bool = False) -> tuple[str, ...]:
        """Columns for pictures that the shop's own feed lacks.

        Args:
            more: whether some product has further pictures.
        """
        main = () if any(_has(names, column) for column in self.main) else self.main[:1]
        if not more or self.more is None or _has(names, self.more[0]):
            return main
        return (*main, self.more[0])

    def give_back(self, rows: Iterable[GivenRow]) -> Iterator[Row]:
        """The shop's own rows with other pictures; all else as it was."""
        for row in rows:
            yield self.with_pictures(row.fields, row.links) if row.links else row.fields

    def with_pictures(self, fields: Row, links: Sequence[str]) -> Row:
        """One row with the main picture replaced; further ones come before those it had."""
        changed = dict(fields)
        for name in fields:
            if any(same_column(name, column) for column in self.main):
                changed[name] = links[0]
        further = list(links[1:])
        if self.more is not None and further:
            column, separator = self.more
            name = next((each for each in fields if same_column(each, column)), column)
            had = [each.strip() for each in fields.get(name, "").split(separator)]
            listed = dict.fromkeys([*further, *filter(None, had)])
            changed[name] = separator.join(list(listed)[: self.max_additional])
        elif self.numbered is not None and further:
            spaces = [name for name in fields if self._is_numbered(name)]
            had = [fields[name] for name in spaces if fields[name]]
            listed = dict.fromkeys([*further, *had])
            changed |= dict(zip(spaces, listed, strict=False))
        return changed

    def cleaned(self, column: str, value: str) -> str:
        """A cell of the shop's own feed as the channel takes it; most take it as it is."""
        return value

    def _is_numbered(self, name: str) -> bool:
        start, _, end = (self.numbered or "{}").partition("{}")
        folded = name.casefold()
        number = folded.removeprefix(start).removesuffix(end)
        is_main = any(same_column(name, column) for column in self.main)
        return folded.startswith(start) and number.isdecimal() and not is_main


CHANNELS: Final[Registry[type[Channel]]] = Registry("channel", "catalog_gen.channels")


def picture_links(base_url: str, names: Iterable[str]) -> tuple[str, ...]:
    """The addresses of exported files."""
    return tuple(f"{base_url.rstrip('/')}/{quote(name)}" for name in names)


def same_column(name: str, column: str) -> bool:
    """Whether a feed's column is a channel's; text feeds may write blanks for "_"."""
    return name.strip().casefold().replace(" ", "_") == column.casefold().replace(" ", "_")


def _has(names: Iterable[str], column: str) -> bool:
    return any(same_column(name, column) for name in names)


def one_line(value: str) -> str:
    """A cell for a machine: every character but controls and line ends, which become blanks."""
    if value.isprintable():
        return value.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def safe_cell(value: str) -> str:
    """One line that a spreadsheet shows as it is: no control characters, never a formula.

    OWASP, "CSV injection". A machine would take the apostrophe for a part of the value, so it
    stands only in feeds that people open.
    """
    line = _AFTER_SEMICOLON.sub(r";\1'", " ".join(one_line(value).split()))
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
