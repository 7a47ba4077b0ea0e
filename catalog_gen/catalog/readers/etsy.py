"""Etsy's download of listings: one row per listing, with its variations as lists.

A listing has one set of pictures for all its variations, so it is one product. Its SKU cell
lists the variations' SKUs; without one, the id is made from the title.

Source: https://help.etsy.com/ (How to download your listing information)
"""

import re
from collections.abc import Mapping
from typing import ClassVar

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import (
    Reader,
    Translation,
    Understand,
    record_of,
    without_entities,
)
from catalog_gen.catalog.readers.record import Table
from catalog_gen.catalog.readers.states import stock_word
from catalog_gen.fingerprint import sha256_text

_IMAGES = tuple(f"image{number}" for number in range(1, 11))


class Etsy(Reader):
    """EtsyListingsDownload.csv."""

    title: ClassVar = "Etsy"
    marks: ClassVar = frozenset(
        {
            *("currency_code", "materials", "image1", "image2", "variation 1 type"),
            *("variation 1 name", "variation 1 values", "tags", "quantity"),
        }
    )
    columns: ClassVar = {
        "_id": ("listing id", "listing_id"),
        "_sku": ("sku",),
        "title": ("title",),
        "description": ("description",),
        "_price": ("price",),
        "_currency": ("currency_code",),
        "_quantity": ("quantity",),
        "tags": ("tags",),
        "_materials": ("materials",),
        **{f"_image{number}": (name,) for number, name in enumerate(_IMAGES, start=1)},
        "_name1": ("variation 1 name",),
        "_name2": ("variation 2 name",),
        "_kind1": ("variation 1 type",),
        "_kind2": ("variation 2 type",),
        "_values1": ("variation 1 values",),
        "_values2": ("variation 2 values",),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(names) if {"title", "price", "currency_code"} <= names else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(self.columns, naming)
        return lambda record: record_of(record.line, _product(translation.fields(record)))


def _product(fields: dict[str, str]) -> dict[str, str]:
    title = without_entities(fields.get("title", ""))
    product = {"product_id": _id(fields, title), "title": title}
    for number in ("1", "2"):
        name, values = fields.get(f"_name{number}", ""), fields.get(f"_values{number}", "")
        if name and values and "," not in values:
            product.setdefault(name, values)
    if "_materials" in fields:
        product["material"] = fields["_materials"].replace(",", ", ").replace("_", " ")
    if "_price" in fields:
        product["price"] = f"{fields['_price']} {fields.get('_currency', '')}".strip()
    if "_quantity" in fields:
        product["availability"] = stock_word(fields["_quantity"])
    images = [fields[name] for name in (f"_{name}" for name in _IMAGES) if name in fields]
    if images:
        product["image_link"] = images[0]
        product["additional_image_link"] = ", ".join(images[1:])
    if "_id" in fields:
        product["page"] = f"listing/{fields['_id']}"
    for name, value in fields.items():
        product.setdefault(name, value)
    return product


def _id(fields: Mapping[str, str], title: str) -> str:
    """The listing's number, its only SKU, or its title's words with a few digits of their hash."""
    skus = {sku.strip() for sku in fields.get("_sku", "").split(",") if sku.strip()}
    if "_id" in fields:
        return fields["_id"]
    if len(skus) == 1:
        return skus.pop()
    if not title:
        return ""
    words = re.findall(r"[^\W_]+", title.casefold())[:8]
    return f"{'-'.join(words)[:80]}-{sha256_text(title)[:8]}"
