"""Amazon's flat files and its report of all listings.

A flat file has lines above its header: the template's version, and display names of the columns.
Since 2024 a column name may include marketplace and number,
``item_name[marketplace_id=...]#1.value``; only the attribute's name is used. Parents have
``parent_child`` "parent".

Source: the inventory file templates of Seller Central (Data Definitions), and
https://developer-docs.amazon.com/sp-api/docs/report-type-values-inventory
"""

import re
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import Reader, Translation, Understand, fold, record_of
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import not_for_sale, stock_word

_QUALIFIER: Final = re.compile(r"\[[^\]]*\]|#\d+")
_DATA_ROW: Final = re.compile(r"\bdataRow=(\d{1,3})\b")


class Amazon(Reader):
    """Inventory file templates, and GET_MERCHANT_LISTINGS_ALL_DATA."""

    title: ClassVar = "Amazon"
    marks: ClassVar = frozenset(
        {
            *("item_sku", "item_name", "brand_name", "color_name", "material_type", "parent_child"),
            *("parent_sku", "external_product_id", "feed_product_type", "standard_price"),
            *("main_image_url", "variation_theme", "relationship_type", "contribution_sku.value"),
            *("item_name.value", "parentage_level.value", "product_type.value"),
            *("seller-sku", "item-name", "listing-id", "asin1", "item-description", "open-date"),
        }
    )
    columns: ClassVar = {
        "product_id": ("item_sku", "contribution_sku.value", "seller-sku", "seller_sku"),
        "title": ("item_name", "item_name.value", "item-name"),
        "brand": ("brand_name", "brand.value"),
        "colour": ("color_name", "color.value", "color_map", "color.standardized_values.value"),
        "material": ("material_type", "material.value", "outer_material_type"),
        "size": ("size_name", "size.value", "size_map"),
        "description": ("product_description", "product_description.value", "item-description"),
        "product_type": ("item_type", "item_type_keyword.value", "item_type_name"),
        "_kind": ("feed_product_type", "product_type.value"),
        "price": ("standard_price", "price", "purchasable_offer.our_price.schedule.value_with_tax"),
        "sale_price": ("sale_price",),
        "_currency": ("currency",),
        "_quantity": ("quantity", "fulfillment_availability.quantity"),
        "gtin": ("external_product_id", "externally_assigned_product_identifier.value"),
        "image_link": ("main_image_url", "main_product_image_locator.media_location", "image-url"),
        "additional_image_link": ("other_image_url1",),
        "pattern": ("pattern_name", "pattern.value"),
        "group_id": ("parent_sku", "child_parent_sku_relationship.parent_sku"),
        "_parentage": ("parent_child", "parentage_level.value"),
        "_status": ("status", "update_delete", "record_action.value", "::record_action"),
        "gender": ("target_gender", "target_gender.value", "department_name"),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(frozenset(map(attribute, names)))

    def understand(self, table: Table, naming: Naming) -> Understand:
        columns: dict[str, tuple[str, ...]] = {
            field: tuple(
                fold(name)
                for spelling in spellings
                for name in table.names
                if attribute(fold(name)) == spelling
            )
            for field, spellings in self.columns.items()
        }
        translation = Translation(columns, naming)
        first = _first_line(table)

        def understood(record: Record) -> Row:
            if record.line < first:
                return Skipped(record.line, "example")
            fields = translation.fields(record)
            if fields.get("_parentage", "").casefold() == "parent":
                return Skipped(record.line, "parent")
            if why := not_for_sale(fields.get("_status", "")):
                return Skipped(record.line, why)
            return record_of(record.line, _product(fields))

        return understood


def _first_line(table: Table) -> int:
    """Where a template's products begin: below its example ("settings=...&dataRow=7")."""
    stated = _DATA_ROW.search(table.preamble[0]) if table.preamble else None
    return int(stated[1]) if stated else 0


def attribute(name: str) -> str:
    """``item_name[marketplace_id=...]#1.value`` is ``item_name.value``."""
    return _QUALIFIER.sub("", name) if "[" in name or "#" in name else name


def _product(fields: dict[str, str]) -> dict[str, str]:
    product = dict(fields)
    if "_kind" in fields:
        kind = fields["_kind"].replace("_", " ").strip().lower()
        product.setdefault("product_type", kind)
    if "price" in fields and "_currency" in fields:
        product["price"] = f"{fields['price']} {fields['_currency']}"
    if "_quantity" in fields:
        product["availability"] = stock_word(fields["_quantity"])
    return product
