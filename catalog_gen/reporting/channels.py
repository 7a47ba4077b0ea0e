"""What each sales channel takes: the form of its pictures, and the columns of its feed.

Rules are those that the channels publish for product pictures and product data; a product that
breaks one is refused with a sentence, never bent to fit. What a picture *shows* is judged
elsewhere. Nothing here reads the store or writes a file.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from catalog_gen.catalog.product import Product
from catalog_gen.fingerprint import sha256_text
from catalog_gen.imaging.encode import Rendition

ChannelName = Literal["google", "shopify", "meta", "files"]

#: The wide forms count, too: spreadsheets of some languages read them as the plain ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

#: A number with its separators of thousands and decimals.
_AMOUNT: Final = re.compile(r"\d+(?:[ \u00a0.,]\d+)*")

SUFFIXES: Final[Mapping[Rendition, str]] = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


@dataclass(frozen=True, slots=True)
class PictureForm:
    """How a channel wants its pictures.

    What it refuses stands in its passport. ``max_side`` is pixels of the longer side; larger
    pictures are scaled down.
    """

    rendition: Rendition
    max_side: int
    quality: int = 92

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height scaled down to the longest side that is wanted, never up."""
        scale = min(1.0, self.max_side / max(height, width))
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True, slots=True)
class ChannelProduct:
    """One product as a channel gets it.

    ``images`` are file names below the base URL, the main one first; ``attributes`` are the feed's
    other fields by their canonical names.
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


Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: ``rows`` makes a product's feed rows of its picture URLs.

    ``required`` names the columns that may not be empty, in the channel's words.
    """

    name: ChannelName
    form: PictureForm
    columns: tuple[str, ...]
    required: tuple[str, ...]
    max_additional: int
    rows: Callable[["Channel", ChannelProduct, Sequence[str]], list[Row]]

    def missing(self, product: ChannelProduct) -> list[str]:
        """The required columns that this product would leave empty."""
        (first, *_) = self.rows(self, product, ["https://example.org/1"])
        return [name for name in self.required if not first.get(name)]

    def feed(self, products: Iterable[ChannelProduct], base_url: str) -> str:
        """The feed as CSV, ordered by product id: the same catalog is the same text.

        Control characters in a value become spaces, and a value that a spreadsheet would run as a
        formula gets an apostrophe in front (OWASP, "CSV injection").

        Raises:
            ValueError: a product without a picture; a channel would reject it.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        for product in sorted(products, key=lambda each: each.product_id):
            if not product.images:
                name = product.product_id
                raise ValueError(f"product {name!r} has no picture; leave it out of the feed")
            links = [f"{base_url.rstrip('/')}/{quote(name)}" for name in product.images]
            for row in self.rows(self, product, links):
                writer.writerow({name: safe_cell(value) for name, value in row.items()})
        return text.getvalue()


def _google(channel: Channel, product: ChannelProduct, links: Sequence[str]) -> list[Row]:
    told = product.attributes
    return [
        {
            "id": product.product_id,
            "title": product.title[:150],
            "description": (product.description or product.title)[:5000],
            "link": told.get("link", ""),
            "image_link": links[0],
            "additional_image_link": ",".join(links[1 : 1 + channel.max_additional]),
            "availability": _underscored(told.get("availability", "")),
            "price": told.get("price", ""),
            "sale_price": told.get("sale_price", ""),
            "condition": told.get("condition", ""),
            "brand": told.get("brand", ""),
            "gtin": told.get("gtin", ""),
            "mpn": told.get("mpn", ""),
            "product_type": product.category,
            "color": told.get("colour", ""),
            "material": told.get("material", ""),
            "size": told.get("size", ""),
            "item_group_id": product.group_id,
        }
    ]


def _meta(channel: Channel, product: ChannelProduct, links: Sequence[str]) -> list[Row]:
    told = product.attributes
    return [
        {
            "id": product.product_id[:100],
            "title": product.title[:200],
            "description": (product.description or product.title)[:9999],
            "availability": _underscored(told.get("availability", "")).replace("_", " "),
            # Meta wants it always; a feed that says nothing sells new goods.
            "condition": told.get("condition", "") or "new",
            "price": told.get("price", ""),
            "sale_price": told.get("sale_price", ""),
            "link": told.get("link", ""),
            "image_link": links[0],
            "additional_image_link": ",".join(links[1 : 1 + channel.max_additional]),
            "brand": told.get("brand", ""),
            "item_group_id": product.group_id,
            "product_type": product.category,
            "color": told.get("colour", ""),
            "material": told.get("material", ""),
            "size": told.get("size", ""),
        }
    ]


def _shopify(channel: Channel, product: ChannelProduct, links: Sequence[str]) -> list[Row]:
    """A row a picture; all but the first have the handle and the picture alone."""
    told = product.attributes
    handle = _handle(product.product_id)
    first = {
        "Handle": handle,
        "Title": product.title,
        "Body (HTML)": product.description,
        "Vendor": told.get("brand", ""),
        "Type": product.category,
        "Variant SKU": product.product_id,
        "Variant Price": _amount(told.get("price", "")),
    }
    return [
        {
            **(first if position == 1 else {"Handle": handle}),
            "Image Src": link,
            "Image Position": str(position),
            "Image Alt Text": product.title[:512],
        }
        for position, link in enumerate(links[: 1 + channel.max_additional], start=1)
    ]


def _files(channel: Channel, product: ChannelProduct, links: Sequence[str]) -> list[Row]:
    return [
        {
            "product_id": product.product_id,
            "title": product.title,
            "category": product.category,
            "image_link": link,
            "position": str(position),
        }
        for position, link in enumerate(links, start=1)
    ]


#: Pixels and bytes as the channels published them in 2026:
#: https://support.google.com/merchants/answer/6324350 (image_link),
#: https://help.shopify.com/en/manual/products/product-media/product-media-types,
#: https://www.facebook.com/business/help/120325381656392 (catalog fields).
CHANNELS: Final[Mapping[ChannelName, Channel]] = {
    "google": Channel(
        name="google",
        form=PictureForm("JPEG", max_side=4000),
        columns=(
            *("id", "title", "description", "link", "image_link", "additional_image_link"),
            *("availability", "price", "sale_price", "condition", "brand", "gtin", "mpn"),
            *("product_type", "color", "material", "size", "item_group_id"),
        ),
        required=("id", "title", "description", "link", "image_link", "availability", "price"),
        max_additional=10,
        rows=_google,
    ),
    "shopify": Channel(
        name="shopify",
        form=PictureForm("JPEG", max_side=2048),
        columns=(
            *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Variant SKU", "Variant Price"),
            *("Image Src", "Image Position", "Image Alt Text"),
        ),
        required=("Handle", "Title", "Variant Price", "Image Src"),
        max_additional=249,
        rows=_shopify,
    ),
    "meta": Channel(
        name="meta",
        form=PictureForm("JPEG", max_side=2048),
        columns=(
            *("id", "title", "description", "availability", "condition", "price", "sale_price"),
            *("link", "image_link", "additional_image_link", "brand", "item_group_id"),
            *("product_type", "color", "material", "size"),
        ),
        required=(
            *("id", "title", "description", "availability", "condition", "price"),
            *("link", "image_link", "brand"),
        ),
        max_additional=20,
        rows=_meta,
    ),
    "files": Channel(
        name="files",
        form=PictureForm("PNG", max_side=65_535),
        columns=("product_id", "title", "category", "image_link", "position"),
        required=("product_id",),
        max_additional=1000,
        rows=_files,
    ),
}


def _underscored(availability: str) -> str:
    """ "in stock", as many feeds write it, is "in_stock" in the specification."""
    return "_".join(availability.lower().split())


def _handle(product_id: str) -> str:
    """A Shopify handle: lower-case letters, digits and hyphens.

    Shopify takes rows with one handle for one product: where an id loses signs ("MUG_1", "mug 1"),
    a few of its hash tell it from its like.
    """
    letters = "".join(sign if sign.isalnum() else " " for sign in product_id.lower())
    handle = "-".join(letters.split())
    if handle == product_id.lower():
        return handle
    return f"{handle}-{sha256_text(product_id)[:6]}"


def _amount(price: str) -> str:
    """The number of a price ("12.99 EUR", "EUR 1 299.00"); empty: there is none."""
    found = _AMOUNT.search(price)
    return "".join(found.group().split()) if found else ""


def safe_cell(value: str) -> str:
    """One line that a spreadsheet shows as it is: no control characters, never a formula."""
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
