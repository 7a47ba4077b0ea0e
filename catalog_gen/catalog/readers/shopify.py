"""Shopify's product CSV: a product over several rows that share a Handle.

The handle's first row carries what all variants share; every row with variant columns is one
variant and becomes a record with its options as fields. A row with nothing but an image belongs to
its product and is no record of its own, so ``rows_read`` counts variants and rejected rows.
Source: Shopify's help page on product CSV files.
"""

from collections.abc import Iterator
from typing import Final

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.readers.record import Record, Row, reject

_OPTIONS: Final = ("option1", "option2", "option3")
_ROW_NAMES: Final = {
    "variant sku": "sku",
    "variant price": "price",
    "variant barcode": "gtin",
    "variant image": "image_link",
}
_PRODUCT_NAMES: Final = {"body (html)": "description", "type": "product_type"}
_PREFIXES: Final = ("google shopping / ", "variant ")
#: Columns about a row's image, not about the product.
_IMAGE_COLUMNS: Final = frozenset({"image src", "image position", "image alt text"})


def is_shopify(header: tuple[str, ...]) -> bool:
    """Whether a header has the three columns that mark Shopify's export."""
    return {"handle", "title", "option1 name"} <= {name.casefold() for name in header}


def read_shopify(rows: Iterator[Row]) -> Iterator[Row]:
    """Records of variants from records of physical rows; rejections pass through."""
    shared: dict[str, dict[str, str]] = {}
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        cells = {
            name.casefold(): value.strip()
            for name, value in zip(row.names, row.values, strict=True)
        }
        handle = cells.get("handle", "")
        if not handle:
            yield reject(row.line, "Handle", "", "the row has no handle, so it has no product")
            continue
        first = shared.get(handle)
        if first is None:
            first = shared[handle] = {
                name: value for name, value in cells.items() if value and not _of_variant(name)
            }
        elif not any(value and _of_variant(name) for name, value in cells.items()):
            continue
        fields = _variant(handle, first, cells)
        yield Record(row.line, tuple(fields), list(fields.values()))


def _of_variant(name: str) -> bool:
    return name.startswith("variant ") or (name.startswith("option") and name.endswith(" value"))


def _variant(handle: str, first: dict[str, str], cells: dict[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in _OPTIONS:
        name, value = first.get(f"{option} name", ""), cells.get(f"{option} value", "")
        if name and value and value != "Default Title":
            options[name] = value
    product_id = cells.get("variant sku", "") or "-".join((handle, *options.values()))
    fields = {"product_id": product_id, "title": first.get("title", ""), "group_id": handle}
    # Options come before the other columns, so that a variant's colour wins over the product's.
    # Setdefault, so that an option called "title" can't replace the product's.
    for name, value in options.items():
        fields.setdefault(name, value)
    for name, value in cells.items():
        if value and name.startswith("variant "):
            fields.setdefault(_ROW_NAMES.get(name, _bare(name)), value)
    for name, value in first.items():
        if name == "image src":
            fields.setdefault("image_link", value)
        elif name not in _IMAGE_COLUMNS and not name.startswith("option") and name != "handle":
            fields.setdefault(_PRODUCT_NAMES.get(name, _bare(name)), value)
    return fields


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
