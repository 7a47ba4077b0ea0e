"""The interface of a sales channel: the base of the classes in this package.

A channel takes a feed, and pictures in its own form. If the shop's feed came from the same
platform, the channel writes its rows back with the new pictures (``give_back``). From another
platform's feed it builds rows, with defaults from the settings, and reports missing fields. The
rules are those that the channels publish; passports have the rules for a picture's content.
"""

import csv
import re
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, TextIO
from urllib.parse import quote

from catalog_gen.catalog.product import Product
from catalog_gen.imaging.encode import Rendition
from catalog_gen.registry import Registry

#: Includes the full-width forms, which spreadsheets of some languages treat like the plain ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

#: A spreadsheet whose cells are parted by ";" begins a cell here, formulas included.
_AFTER_SEMICOLON: Final = re.compile(rf';(["\s]*)(?=[{re.escape("".join(_FORMULA_STARTS))}])')

SUFFIXES: Final[Mapping[Rendition, str]] = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


@dataclass(frozen=True, slots=True)
class PictureForm:
    """The picture format that a channel takes.

    What the channel refuses is in its passport. ``max_side`` is in pixels; larger pictures are
    scaled down.
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
    """One product for a channel.

    ``images`` are file names below the base URL, the main one first; ``attributes`` are the feed's
    other fields under their canonical names. ``description`` may be HTML, ``category`` a whole
    path.
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
    """A row of the shop's own feed, with its product's new pictures; without any it is unchanged.

    ``fields`` has every column of the feed, in the feed's order.
    """

    fields: Row
    links: tuple[str, ...] = ()
    title: str = ""


class Channel(ABC):
    """One channel.

    Attributes:
        form: the picture format that it takes.
        platforms: the readers whose feeds it writes back.
        max_additional: maximum number of pictures besides the main one.
        main: the columns for the main picture, in the platform's spellings. Those in the feed are
            set; if there are none, the first is added.
        more: the column for a list of additional pictures, and its separator.
        numbered: the columns for single additional pictures, with the number in braces.
        columns: the columns of a feed built from another platform's; empty if it builds none.
        required: those of the columns that must not be empty.
        id_length: the maximum length of an id, if the channel has one. Such a channel also
            merges ids that differ only in case. 0: it keeps all ids apart.
        for_people: whether people open the feed in a spreadsheet, which would run formulas.
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
        """Whether this channel writes back a feed of this platform with these columns."""
        return platform in self.platforms

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        """A product's rows, built from another platform's feed and the pictures' addresses."""
        raise NotImplementedError(f"{self.name} takes no other platform's feed")

    def missing(self, product: ChannelProduct, shop: ShopFacts | None = None) -> list[str]:
        """The required columns that would be empty for this product."""
        (first, *_) = self.rows(product, ["https://example.org/1"], shop or ShopFacts())
        return self.lacking(first)

    def lacking(self, row: Row) -> list[str]:
        """The required values that a product's first row lacks."""
        return [name for name in self.required if not row.get(name)]

    def write_feed(
        self,
        stream: TextIO,
        products: Iterable[ChannelProduct],
        base_url: str,
        shop: ShopFacts | None = None,
    ) -> None:
        """Write the feed as CSV, with the products in their order.

        Raises:
            ValueError: a product has no picture; a channel would reject it.
        """
        writer = csv.DictWriter(stream, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        cell = safe_cell if self.for_people else one_line
        for product in products:
            if not product.images:
                name = product.product_id
                raise ValueError(f"product {name!r} has no picture; leave it out of the feed")
            links = picture_links(base_url, product.images)
            for row in self.rows(product, links, shop or ShopFacts()):
                writer.writerow({name: cell(value) for name, value in row.items()})

    def added_columns(self, names: Sequence[str], *, more: bool = False) -> tuple[str, ...]:
        """The picture columns that the shop's own feed lacks.

        Args:
            more: whether any product has additional pictures.
        """
        main = () if any(_has(names, column) for column in self.main) else self.main[:1]
        if not more or self.more is None or _has(names, self.more[0]):
            return main
        return (*main, self.more[0])

    def give_back(self, rows: Iterable[GivenRow]) -> Iterator[Row]:
        """The shop's own rows with the new pictures, otherwise unchanged."""
        for row in rows:
            yield self.with_pictures(row.fields, row.links) if row.links else row.fields

    def with_pictures(self, fields: Row, links: Sequence[str]) -> Row:
        """One row with the main picture replaced; new additional ones precede the shop's own."""
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
        """A cell of the shop's own feed as the channel takes it; by default unchanged."""
        return value

    def _is_numbered(self, name: str) -> bool:
        start, _, end = (self.numbered or "{}").partition("{}")
        folded = name.casefold()
        number = folded.removeprefix(start).removesuffix(end)
        is_main = any(same_column(name, column) for column in self.main)
        return folded.startswith(start) and number.isdecimal() and not is_main


CHANNELS: Final[Registry[type[Channel]]] = Registry("channel", "catalog_gen.channels")


def picture_links(base_url: str, names: Iterable[str]) -> tuple[str, ...]:
    """The URLs of exported files."""
    return tuple(f"{base_url.rstrip('/')}/{quote(name)}" for name in names)


def same_column(name: str, column: str) -> bool:
    """Whether a feed's column is the channel's column; text feeds may write blanks for "_"."""
    return name.strip().casefold().replace(" ", "_") == column.casefold().replace(" ", "_")


def _has(names: Iterable[str], column: str) -> bool:
    return any(same_column(name, column) for name in names)


def one_line(value: str) -> str:
    """A cell for machines: control characters and line ends become blanks."""
    if value.isprintable():
        return value.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def safe_cell(value: str) -> str:
    """One line that a spreadsheet shows as text: no control characters, and no formula.

    OWASP, "CSV injection". Only feeds that people open get the apostrophe, since a machine would
    read it as part of the value.
    """
    line = _AFTER_SEMICOLON.sub(r";\1'", " ".join(one_line(value).split()))
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
