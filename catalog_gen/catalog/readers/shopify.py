"""Shopify's product CSV: a product over several rows that share a handle.

The handle's first row holds what all variants share; every row with variant columns is one
variant and becomes a record with its options as fields. A row with only an image, or a first row
with an empty option value that is followed by variants, belongs to its product and is not
counted. Exports have two sets of column names, the older "Handle, Variant SKU, Image Src"
and the newer "URL handle, SKU, Product image URL".

Source: https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import Reader, Translation, Understand, fold, record_of
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table, reject
from catalog_gen.catalog.readers.states import has_stock, is_no, not_for_sale

_OPTIONS: Final = ("1", "2", "3")
#: The option value that Shopify writes for a product without options.
_NO_OPTION: Final = "default title"
_METAFIELD: Final = re.compile(r"(.+) \(product\.metafields\.shopify\.[^)]+\)")
_META: Final = "_meta "
_NO_HANDLE: Final = "the row has no handle, so it has no product"


class Shopify(Reader):
    """Shopify's products.csv, of either template."""

    title: ClassVar = "Shopify"
    marks: ClassVar = frozenset(
        {
            *("handle", "url handle", "body (html)", "option1 name", "option1 value"),
            *("variant sku", "variant price", "variant barcode", "variant inventory qty"),
            *("variant image", "variant image url", "image src", "image position"),
            *("product image url", "published on online store", "compare-at price"),
            *("variant compare at price", "option1 linked to", "gift card"),
        }
    )
    columns: ClassVar = {
        "_handle": ("handle", "url handle"),
        "_sku": ("variant sku", "sku"),
        "_status": ("status",),
        "_published": ("published", "published on online store"),
        "_image": ("image src", "product image url"),
        "_image_position": ("image position",),
        "_image_alt": ("image alt text",),
        "_quantity": ("variant inventory qty", "inventory quantity"),
        "_policy": ("variant inventory policy", "continue selling when out of stock"),
        **{f"_name{number}": (f"option{number} name",) for number in _OPTIONS},
        **{f"_value{number}": (f"option{number} value",) for number in _OPTIONS},
        **{f"_linked{number}": (f"option{number} linked to",) for number in _OPTIONS},
        "title": ("title",),
        "description": ("body (html)", "description"),
        "product_type": ("type", "custom product type"),
        "google_product_category": (
            *("google shopping / google product category", "product category"),
            *("standard product type", "standardized product type"),
        ),
        "brand": ("vendor",),
        "tags": ("tags",),
        "price": ("variant price", "price"),
        "compare_at_price": ("variant compare at price", "compare-at price"),
        "gtin": ("variant barcode", "barcode"),
        "image_link": ("variant image", "variant image url"),
        "gender": ("google shopping / gender",),
        "age_group": ("google shopping / age group",),
        "mpn": ("google shopping / mpn",),
        "condition": ("google shopping / condition",),
    }

    def score(self, names: frozenset[str]) -> int:
        """Require title and handle, and any other mark."""
        if "title" not in names or not names & {"handle", "url handle"}:
            return 0
        return super().score(names)

    def understand(self, table: Table, naming: Naming) -> Understand:
        columns = _Columns(table, _translation(table, naming), naming)
        census = _census(table, columns)
        shared: dict[str, dict[str, str]] = {}

        def understood(record: Record) -> Row | None:
            fields = columns.fields(record)
            handle = fields.get("_handle", "")
            if not handle:
                return reject(record.line, "Handle", "", _NO_HANDLE)
            first = shared.get(handle)
            if first is None:
                first = shared[handle] = {
                    name: value for name, value in fields.items() if name not in columns.of_variant
                }
                if census.variants[handle] and not columns.is_variant(fields, first=True):
                    return None
            elif not columns.is_variant(fields, first=False):
                return None
            if why := _why_not(first):
                return Skipped(record.line, why)
            return record_of(record.line, _variant(handle, first, fields, census, columns))

        return understood


def _metafields(table: Table) -> dict[str, tuple[str, ...]]:
    """Standard metafields: "Color (product.metafields.shopify.color-pattern)" is "_meta color"."""
    return {
        f"{_META}{match[1]}": (match[0],)
        for match in map(_METAFIELD.fullmatch, map(fold, table.names))
        if match
    }


def _own_names(table: Table) -> dict[str, tuple[str, ...]]:
    """Columns by their names without a prefix: "Variant Grams", "Google Shopping / Gender"."""
    known = {spelling for spellings in Shopify.columns.values() for spelling in spellings}
    own: dict[str, tuple[str, ...]] = {}
    for name in map(fold, table.names):
        for prefix in ("google shopping / ", "variant "):
            if name.startswith(prefix) and name not in known:
                own.setdefault(name.removeprefix(prefix), (name,))
    return own


def _translation(table: Table, naming: Naming) -> Translation:
    columns = {**Shopify.columns, **_own_names(table), **_metafields(table)}
    return Translation(columns, naming)


class _Columns:
    """A table's columns as fields, and which of them belong to a variant."""

    def __init__(self, table: Table, translation: Translation, naming: Naming) -> None:
        self.fields = translation.fields
        self._naming = naming
        self.metafields = [
            (name, self.canonical(name.removeprefix(_META))) for name in _metafields(table)
        ]
        self.of_variant: set[str] = {
            *("_sku", "_quantity", "_policy", "price", "compare_at_price", "gtin", "image_link"),
            *(f"_value{number}" for number in _OPTIONS),
        }
        self.of_variant |= {
            fold(name).removeprefix("variant ")
            for name in table.names
            if fold(name).startswith("variant ")
        }
        self._tells = self.of_variant - {"image_link"}

    def canonical(self, name: str) -> str:
        """The field that a column or option of this name fills."""
        return next((column.field for column in self._naming.plan((name,))), name)

    def is_variant(self, fields: Mapping[str, str], *, first: bool) -> bool:
        """Whether a row is a variant.

        A first row with an option's name but no value is not a variant, unless it has a SKU; any
        other row needs a value in a variant's column.
        """
        if first and fields.get("_name1", "") and "_sku" not in fields:
            return "_value1" in fields
        return not self._tells.isdisjoint(fields)


@dataclass(frozen=True, slots=True)
class _Census:
    """How many variants follow each handle's first row, and which SKUs occur twice."""

    variants: Counter[str] = field(default_factory=Counter)
    shared_skus: set[str] = field(default_factory=set)


def _census(table: Table, columns: _Columns) -> _Census:
    census = _Census()
    seen_handles: set[str] = set()
    seen_skus: set[str] = set()
    for record in table.records():
        fields = columns.fields(record)
        handle, sku = fields.get("_handle", ""), fields.get("_sku", "")
        if handle in seen_handles and columns.is_variant(fields, first=False):
            census.variants[handle] += 1
        seen_handles.add(handle)
        if sku in seen_skus:
            census.shared_skus.add(sku)
        elif sku:
            seen_skus.add(sku)
    return census


def _why_not(first: Mapping[str, str]) -> str:
    """Why a product is not for sale, from its first row."""
    if why := not_for_sale(first.get("_status", "")):
        return why
    return "unpublished" if is_no(first.get("_published", "")) else ""


def _variant(
    handle: str,
    first: Mapping[str, str],
    fields: Mapping[str, str],
    census: _Census,
    columns: _Columns,
) -> dict[str, str]:
    options: dict[str, str] = {}
    for number in _OPTIONS:
        name, value = first.get(f"_name{number}", ""), fields.get(f"_value{number}", "")
        if name and value and value.casefold() != _NO_OPTION:
            options[name] = value
    sku = fields.get("_sku", "")
    if not sku or sku in census.shared_skus:
        sku = "-".join((handle, *options.values()))
    variant = {"product_id": sku, "title": first.get("title", ""), "group_id": handle}
    # Options come before the other columns, so that a variant's colour overrides the product's.
    # Setdefault, so that an option called "title" can't replace the product's.
    for name, value in options.items():
        variant.setdefault(name, value)
    for name, value in fields.items():
        if name in columns.of_variant:
            # Shopify writes an apostrophe before a barcode, for spreadsheets.
            variant.setdefault(name, value.lstrip("'") if name == "gtin" else value)
    if "_image" in first:
        variant.setdefault("image_link", first["_image"])
    for name, value in first.items():
        variant.setdefault(name, value)
    # A metafield is the product's: what an option says of the variant counts more.
    if columns.metafields:
        said = {columns.canonical(name) for name in options}
        for name, field in columns.metafields:
            if name in first and field not in said and ";" not in first[name]:
                variant.setdefault(field, first[name])
    if "_quantity" in fields:
        variant.setdefault("availability", _availability(fields))
    variant["page"] = f"products/{handle}"
    return variant


def _availability(fields: Mapping[str, str]) -> str:
    """The availability: in stock, or may be oversold (policy "continue")."""
    oversold = fields.get("_policy", "").casefold() in ("continue", "true")
    return "in stock" if oversold or has_stock(fields["_quantity"]) else "out of stock"
