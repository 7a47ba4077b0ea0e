"""BigCommerce's product CSV, the modern one (``Item``) and the older one (``Item Type``).

Variants follow their product, and images and videos are separate rows; in the older form, options
are in the name of a SKU row ("[S]Size=Small,[CS]Colour=Red:#f00") and a Rule row holds the
variant's price and picture. A product with variants is a parent.

Source: https://support.bigcommerce.com/s/article/Supported-Product-Fields and
https://support.bigcommerce.com/s/article/Importing-Product-Options-v3
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import (
    Reader,
    Translation,
    Understand,
    is_number,
    main_path,
    record_of,
)
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import is_no, stock_word

_MODERN_OPTION: Final = re.compile(r"Name=([^|=]{1,100})\|Value=([^|]{1,200}?)(?=\[|;|Type=|\||$)")
_OLDER_OPTION: Final = re.compile(r"(?:\[[A-Z0-9]+\])?([^=,\]]{1,100})=([^=]*?)(?=,\[|:|$)")
_INHERITED: Final = (
    "title",
    "description",
    "product_type",
    "brand",
    "price",
    "page",
    "image_link",
    "condition",
)
_PATH: Final = re.compile(r"Category Path:\s*([^;|]*)", re.IGNORECASE)


class BigCommerce(Reader):
    """The product export of BigCommerce."""

    title: ClassVar = "BigCommerce"
    marks: ClassVar = frozenset(
        {
            *("item", "options", "inventory tracking", "is visible", "image url (import)"),
            *("internal image url (export)", "variant image url", "brand id", "is featured"),
            *("search keywords", "bin picking number", "global trade number", "custom fields"),
            *("item type", "product code/sku", "product visible?", "option set", "product name"),
            *("allow purchases?", "track inventory", "current stock level", "brand name"),
            *("product image url - 1", "product image file - 1", "product upc/ean"),
        }
    )
    enough: ClassVar = 4
    columns: ClassVar = {
        "_item": ("item", "item type"),
        "_id": ("id", "product id"),
        "title": ("name", "product name"),
        "sku": ("sku", "product code/sku"),
        "_kind": ("type", "product type"),
        "_options": ("options",),
        "_categories": ("categories", "category", "category string", "category details"),
        "_visible": ("is visible", "product visible?"),
        "_purchasable": ("allow purchases?",),
        "price": ("price",),
        "sale_price": ("sale price",),
        "description": ("description", "product description"),
        "brand": ("brand", "brand name"),
        "gtin": ("global trade number", "upc/ean", "product upc/ean", "gtin"),
        "mpn": ("manufacturer part number",),
        "condition": ("product condition",),
        "_stock": ("current stock", "current stock level"),
        "_tracking": ("inventory tracking", "track inventory"),
        "_image": (
            *("variant image url", "image url (import)", "internal image url (export)"),
            *("product image url - 1", "product image file - 1"),
        ),
        "_thumbnail": ("image is thumbnail",),
        "page": ("product url",),
    }

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(self.columns, naming)
        below = _below(table, translation)
        parent: dict[str, str] = {}

        def understood(record: Record) -> Row | None:
            nonlocal parent
            fields = translation.fields(record)
            item = _item(fields)
            if item == "product":
                parent = {**below.pictures.get(record.line, {}), **_product(fields)}
            elif item not in ("variant", "sku"):
                return None  # an image, a video, a rule: they belong to the product above
            if why := _why_not(parent, fields):
                return Skipped(record.line, why)
            if item != "product":
                return record_of(record.line, _variant(parent, fields))
            if record.line in below.with_variants:
                return Skipped(record.line, "parent")
            return record_of(record.line, {"product_id": _id(parent), **parent})

        return understood


def _item(fields: Mapping[str, str]) -> str:
    """The row's kind: product, variant, image, video; in the older form product, sku, rule."""
    return fields.get("_item", "product").casefold()


@dataclass(frozen=True, slots=True)
class _Below:
    """What stands below products: the lines of those with variants, and their main pictures."""

    with_variants: set[int] = field(default_factory=set)
    pictures: dict[int, dict[str, str]] = field(default_factory=dict)


def _below(table: Table, translation: Translation) -> _Below:
    found = _Below()
    line = 0
    for record in table.records():
        fields = translation.fields(record)
        item = _item(fields)
        if item == "product":
            line = record.line
        elif item in ("variant", "sku"):
            found.with_variants.add(line)
        elif item == "image" and "_image" in fields:
            main = fields.get("_thumbnail", "").casefold() == "true"
            if main or line not in found.pictures:
                found.pictures[line] = {"image_link": fields["_image"]}
    return found


def _why_not(parent: Mapping[str, str], fields: Mapping[str, str]) -> str:
    if is_no(parent.get("_visible", "")):
        return "hidden"
    return "disabled" if is_no(fields.get("_purchasable", "")) else ""


def _id(fields: Mapping[str, str]) -> str:
    return fields.get("sku") or fields.get("_id", "")


def _product(fields: dict[str, str]) -> dict[str, str]:
    product = dict(fields)
    if "_categories" in fields:
        product["product_type"] = _category(fields["_categories"])
    if "_image" in fields:
        product["image_link"] = fields["_image"]
    if "page" in fields:
        product["page"] = fields["page"].strip("/")
    if "_stock" in fields and fields.get("_tracking", "none").casefold() != "none":
        product["availability"] = stock_word(fields["_stock"])
    return product


def _category(text: str) -> str:
    """The path of "Shop All;Kitchen/Mugs" or of "Category Name: Mugs, Category Path: Kitchen/Mugs".

    Ids of categories are left out.
    """
    paths = _PATH.findall(text) or re.split(r"[;|]", text)
    split = [re.split(r"[/>]", path) for path in paths]
    return main_path(path for path in split if not is_number(path))


def _variant(parent: Mapping[str, str], fields: dict[str, str]) -> dict[str, str]:
    options = _options(fields)
    own = _product({"_tracking": parent.get("_tracking", "none"), **fields})
    name = own.pop("title", "")
    variant = {"title": name} if name and "=" not in name else {}
    group = parent.get("sku") or parent.get("_id", "")
    fallback = "-".join((group, *options.values()))
    variant |= {"product_id": own.get("sku") or own.get("_id") or fallback, "group_id": group}
    for option, value in options.items():
        variant.setdefault(option, value)
    for each, value in own.items():
        variant.setdefault(each, value)
    for each in _INHERITED:
        if each in parent:
            variant.setdefault(each, parent[each])
    return variant


def _options(fields: Mapping[str, str]) -> dict[str, str]:
    """A variant's options.

    >>> _options({"_options": "Type=Swatch|Name=Colour|Value=Red[#f00]Type=Text|Name=Size|Value=S"})
    {'Colour': 'Red', 'Size': 'S'}
    >>> _options({"title": "[RT]Size=Small,[CS]Colour=Red:#ff0000"})
    {'Size': 'Small', 'Colour': 'Red'}
    """
    if modern := fields.get("_options", ""):
        return {name.strip(): value.strip() for name, value in _MODERN_OPTION.findall(modern)}
    name = fields.get("title", "")
    if "=" not in name:
        return {}
    return {option.strip(): value.strip() for option, value in _OLDER_OPTION.findall(name)}
