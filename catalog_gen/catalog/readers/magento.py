"""Magento's and Adobe Commerce's product CSV.

``product_type`` says how a product is sold (simple, configurable), not what it is. Children can be
anywhere in the file, mostly before the configurable product that lists them in
``configurable_variations``; the rows of a store view are translations. Version 1 wrote ``_store``,
``_type`` and ``_category``, and additional values of a product in rows without a SKU.

Source: https://experienceleague.adobe.com/docs/commerce-admin/systems/data-transfer/
data-attributes-product.html
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
    main_path,
    record_of,
    unescaped_split,
)
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import stock_word

#: A comma that begins the next "name=value", quoted or not; values may hold commas, too.
_NEXT_PAIR: Final = re.compile(r',(?=\s*"?[A-Za-z_][A-Za-z0-9_]*=)')
_HIDDEN: Final = frozenset({"not visible individually", "1"})


class Magento(Reader):
    """The product export of Magento 2, Adobe Commerce and Magento 1."""

    title: ClassVar = "Magento / Adobe Commerce"
    marks: ClassVar = frozenset(
        {
            *("store_view_code", "attribute_set_code", "product_websites", "product_online"),
            *("additional_attributes", "configurable_variations", "tax_class_name", "url_key"),
            *("base_image", "msrp_display_actual_price_type", "website_id", "qty", "is_in_stock"),
            *("_store", "_attribute_set", "_type", "_category", "_product_websites"),
        }
    )
    columns: ClassVar = {
        "product_id": ("sku",),
        "_view": ("store_view_code", "_store"),
        "_type": ("product_type", "_type"),
        "_set": ("attribute_set_code", "_attribute_set"),
        "_categories": ("categories", "_category"),
        "_online": ("product_online", "status"),
        "_visibility": ("visibility",),
        "_extra": ("additional_attributes",),
        "_children": ("configurable_variations",),
        "_labels": ("configurable_variation_labels",),
        "_child": ("_super_products_sku",),
        "title": ("name",),
        "description": ("description",),
        "_short": ("short_description",),
        "price": ("price",),
        "sale_price": ("special_price",),
        "_page": ("url_key",),
        "image_link": ("base_image", "image"),
        "additional_image_link": ("additional_images",),
        "_stock": ("is_in_stock",),
        "quantity": ("qty",),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(names) if "sku" in names else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(self.columns, naming)
        families = _Families.of(table, translation)

        def understood(record: Record) -> Row | None:
            fields = translation.fields(record)
            if "product_id" not in fields and families.version_1:
                return None  # a further value of the product above
            if "_view" in fields:
                return Skipped(record.line, "translation")
            if why := families.why_not(fields):
                return Skipped(record.line, why)
            return record_of(record.line, _product(fields, families))

        return understood


@dataclass(frozen=True, slots=True)
class _Family:
    """A configurable product: its SKU, whether it is for sale, and its page."""

    sku: str
    off: bool
    page: str


@dataclass(slots=True)
class _Families:
    """The configurable products, their children, and the children's options."""

    version_1: bool
    parents: dict[str, _Family] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    _with_children: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, table: Table, translation: Translation) -> "_Families":
        families = cls("_type" in table.names)
        sku = ""
        present: set[str] = set()
        for record in table.records():
            fields = translation.fields(record)
            sku = fields.get("product_id", sku)
            if "product_id" in fields:
                present.add(sku)
            variations = [_pairs(part) for part in fields.get("_children", "").split("|") if part]
            if "_child" in fields:
                variations.append({"sku": fields["_child"]})
            family = _Family(sku, _is_off(fields), fields.get("_page", ""))
            for options in variations:
                child = options.pop("sku", "")
                families.parents.setdefault(child, family)
                families.options.setdefault(child, options)
        families._with_children = {
            family.sku for child, family in families.parents.items() if child in present
        }
        return families

    def why_not(self, fields: Mapping[str, str]) -> str:
        """Why a row is not a product for sale; '' if it is one."""
        sku, kind = fields.get("product_id", ""), fields.get("_type", "").casefold()
        if _is_off(fields):
            return "disabled"
        if kind == "grouped" or (kind == "configurable" and sku in self._with_children):
            return "parent"
        family = self.parents.get(sku)
        hidden = fields.get("_visibility", "").casefold() in _HIDDEN
        return "disabled" if family is not None and family.off and hidden else ""


def _is_off(fields: Mapping[str, str]) -> bool:
    """``product_online`` is 1 for enabled and 2 for disabled; some tools write 0."""
    return fields.get("_online", "").casefold() in ("2", "0", "disabled")


def _pairs(text: str) -> dict[str, str]:
    r"""``color=Red,"features=Audio, 15 inches"`` as fields; several values by "|" as a list.

    >>> _pairs('color=Red,"features=Audio|Sleeve, 15 inches",size=S')
    {'color': 'Red', 'features': 'Audio, Sleeve, 15 inches', 'size': 'S'}
    """
    pairs: dict[str, str] = {}
    for part in _NEXT_PAIR.split(text):
        name, _, value = part.strip().removeprefix('"').removesuffix('"').partition("=")
        if value:
            pairs[name.strip()] = value.replace('""', '"').replace("|", ", ").strip()
    return pairs


def _product(fields: dict[str, str], families: _Families) -> dict[str, str]:
    sku = fields.get("product_id", "")
    family = families.parents.get(sku)
    first = ("product_id", "title")
    product = {name: fields[name] for name in first if name in fields}
    if family is not None:
        product["group_id"] = family.sku
        product |= {
            name: value for name, value in families.options[sku].items() if name not in product
        }
    for name, value in _pairs(fields.get("_extra", "")).items():
        product.setdefault(name, value)
    if "_categories" in fields:
        paths = [unescaped_split(path, "/") for path in unescaped_split(fields["_categories"], ",")]
        product["product_type"] = main_path(paths)
    for name, value in fields.items():
        product.setdefault(name, value)
    for name in ("image_link", "additional_image_link"):
        if product.get(name) == "no_selection":
            del product[name]
    if "_short" in product:
        product.setdefault("description", product["_short"])
    if "_stock" in product:
        product["availability"] = stock_word(product["_stock"])
    elif "quantity" in product:
        product["availability"] = stock_word(product["quantity"])
    page = family.page if family is not None and family.page else fields.get("_page", "")
    if page:
        product["page"] = f"{page}.html"
    return product
