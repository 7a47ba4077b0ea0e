"""Shopify: its own CSV written back, or a CSV of new products.

Sources: https://help.shopify.com/en/manual/products/import-export/using-csv and
https://help.shopify.com/en/manual/products/product-media/product-media-types
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from catalog_gen.catalog.prices import parse_price
from catalog_gen.catalog.readers.reader import fold
from catalog_gen.fingerprint import sha256_text
from catalog_gen.reporting.channels.channel import (
    Channel,
    ChannelProduct,
    GivenRow,
    PictureForm,
    Row,
    ShopFacts,
)

_HANDLE: Final = ("handle", "url handle")
_IMAGE: Final = ("image src", "product image url")
_POSITION: Final = ("image position",)
_ALT: Final = ("image alt text",)
_VARIANT_IMAGE: Final = ("variant image", "variant image url")
_OPTION: Final = ("option1 value",)


class Shopify(Channel):
    """Products of a Shopify online store."""

    name: ClassVar = "shopify"
    form: ClassVar = PictureForm("JPEG", max_side=2048)
    platforms: ClassVar = frozenset({"shopify"})
    max_additional: ClassVar = 249
    columns: ClassVar = (
        *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Variant SKU", "Variant Price"),
        *("Image Src", "Image Position", "Image Alt Text"),
    )
    required: ClassVar = ("Handle", "Title", "Variant Price", "Image Src")

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        """One row per picture; all but the first have only the handle and the picture."""
        facts = product.attributes
        handle = _handle(product.product_id)
        price = parse_price(facts.get("price", ""))
        first = {
            "Handle": handle,
            "Title": product.title,
            "Body (HTML)": product.description,
            "Vendor": facts.get("brand", ""),
            "Type": product.category.rpartition(">")[2].strip(),
            "Variant SKU": product.product_id,
            "Variant Price": price.number if price else "",
        }
        return [
            {
                **(first if position == 1 else {"Handle": handle}),
                "Image Src": link,
                "Image Position": str(position),
                "Image Alt Text": product.title[:512],
            }
            for position, link in enumerate(links[: 1 + self.max_additional], start=1)
        ]

    def added_columns(self, names: Sequence[str], *, more: bool = False) -> tuple[str, ...]:
        """Both columns for pictures, in the spelling of the feed's template."""
        newer = _column(names, ("url handle",)) != ""
        wanted = {
            "Product image URL" if newer else "Image Src": _IMAGE,
            "Variant image URL" if newer else "Variant Image": _VARIANT_IMAGE,
        }
        return tuple(name for name, spellings in wanted.items() if not _column(names, spellings))

    def give_back(self, rows: Iterable[GivenRow]) -> Iterator[Row]:
        """The products' rows with the new pictures, product by product.

        A variant's picture is its Variant Image, and these come first among the product's images.
        The images that they replace are removed; all others follow. The rows of a product without
        new pictures are unchanged.
        """
        product: list[GivenRow] = []
        handle = ""
        for row in rows:
            name = row.fields.get(_column(tuple(row.fields), _HANDLE), "")
            if product and name != handle:
                yield from _given_back(product, self.max_additional)
                product = []
            handle = name
            product.append(row)
        yield from _given_back(product, self.max_additional)


@dataclass(slots=True)
class _Gallery:
    """The images of a product: the new ones and the remaining ones of the shop, with alt texts."""

    links: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def _given_back(rows: Sequence[GivenRow], max_additional: int) -> Iterator[Row]:
    if not any(row.links for row in rows):
        yield from (row.fields for row in rows)
        return
    names = tuple(rows[0].fields)
    handle, image, position, alt, variant_image, option = (
        _column(names, spellings)
        for spellings in (_HANDLE, _IMAGE, _POSITION, _ALT, _VARIANT_IMAGE, _OPTION)
    )
    variants = [row for row in rows if row.links]
    single = len(variants) == 1 and (
        variants[0].fields.get(option, "").casefold() in ("", "default title")
    )
    gallery = _gallery(rows, image, alt, variant_image)
    links = gallery.links[: 1 + max_additional]
    for index, row in enumerate(rows):
        changed = dict(row.fields)
        if row.links and not (single and not row.fields.get(variant_image)):
            changed[variant_image] = row.links[0]
        link = links[index] if index < len(links) else ""
        yield _placed(changed, link, index, gallery, image, position, alt)
    for index, link in enumerate(links[len(rows) :], start=len(rows)):
        extra = {**dict.fromkeys(names, ""), handle: rows[0].fields[handle]}
        yield _placed(extra, link, index, gallery, image, position, alt)


def _gallery(rows: Sequence[GivenRow], image: str, alt: str, variant_image: str) -> _Gallery:
    gallery = _Gallery()
    replaced: set[str] = set()
    had = [row.fields[image] for row in rows if row.fields.get(image)]
    for row in rows:
        for link in row.links:
            gallery.texts.setdefault(link, row.title)
        if row.links:
            replaced.add(row.fields.get(variant_image, ""))
    kept_images = {row.fields.get(variant_image, "") for row in rows if not row.links}
    if had and not replaced - {""}:
        replaced.add(had[0])
    ours = dict.fromkeys(
        [row.links[0] for row in rows if row.links]
        + [link for row in rows for link in row.links[1:]]
    )
    for row in rows:
        if row.fields.get(image):
            gallery.texts.setdefault(row.fields[image], row.fields.get(alt, ""))
    kept = [link for link in had if link not in replaced or link in kept_images]
    gallery.links = list(dict.fromkeys([*ours, *kept]))
    return gallery


def _placed(
    row: Row, link: str, index: int, gallery: _Gallery, image: str, position: str, alt: str
) -> Row:
    row[image] = link
    if position:
        row[position] = str(index + 1) if link else ""
    if alt:
        row[alt] = gallery.texts.get(link, "")[:512]
    return row


def _column(names: Sequence[str], spellings: Sequence[str]) -> str:
    """The feed's column for a field, or ''."""
    return next((name for name in names if fold(name) in spellings), "")


def _handle(product_id: str) -> str:
    """A Shopify handle: lower-case letters, digits and hyphens.

    Shopify treats rows with the same handle as one product. If an id loses characters ("MUG_1",
    "mug 1"), digits of its hash keep its handle unique.
    """
    letters = "".join(sign if sign.isalnum() else " " for sign in product_id.lower())
    handle = "-".join(letters.split())
    if handle == product_id.lower():
        return handle
    return f"{handle}-{sha256_text(product_id)[:6]}"
