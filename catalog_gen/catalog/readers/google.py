"""Google Merchant Center's product data as text, CSV, JSONL or XML.

The vocabulary is that of Google's product data specification
(https://support.google.com/merchants/answer/7052112); text feeds may write spaces for "_". This
package uses the same names, so the rows pass unchanged.
"""

from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming, snake_case
from catalog_gen.catalog.readers.plain import IfForSale
from catalog_gen.catalog.readers.reader import Reader, Understand
from catalog_gen.catalog.readers.record import Table

#: Columns that feeds for Google and for Meta share.
SHARED_MARKS: Final = frozenset(
    {
        *("link", "image_link", "additional_image_link", "availability", "condition", "gtin"),
        *("google_product_category", "item_group_id", "age_group", "sale_price_effective_date"),
        *("product_type", "mpn", "shipping", "custom_label_0", "gender"),
    }
)
GOOGLE_MARKS: Final = frozenset(
    {
        *("identifier_exists", "availability_date", "additional_image_link", "mobile_link"),
        *("size_system", "size_type", "adult", "promotion_id", "shipping_weight", "tax"),
        *("shipping_label", "ads_redirect", "adwords_redirect", "excluded_destination"),
        *("unit_pricing_measure", "energy_efficiency_class", "lifestyle_image_link"),
    }
)


def merchant_names(names: frozenset[str]) -> frozenset[str]:
    """Column names as the specification writes them: without "g:", "_" for spaces."""
    return frozenset(map(snake_case, names))


class Google(Reader):
    """A product feed for Google Merchant Center."""

    title: ClassVar = "Google Merchant Center"
    marks: ClassVar = SHARED_MARKS | GOOGLE_MARKS
    enough: ClassVar = 4
    columns: ClassVar = {
        "product_id": ("id",),
        "title": ("title",),
        "description": ("description", "summary"),
        "category": ("product_type", "google_product_category"),
        "group_id": ("item_group_id",),
        "colour": ("color",),
        "material": ("material",),
        "size": ("size",),
        "pattern": ("pattern",),
        "gender": ("gender",),
        "age_group": ("age_group",),
        "price": ("price",),
        "sale_price": ("sale_price",),
        "brand": ("brand",),
        "gtin": ("gtin",),
        "mpn": ("mpn",),
        "link": ("link",),
        "image_link": ("image_link",),
        "additional_image_link": ("additional_image_link",),
        "availability": ("availability",),
        "condition": ("condition",),
    }

    def score(self, names: frozenset[str]) -> int:
        known = merchant_names(names)
        return super().score(known) if {"id", "title"} <= known else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        return IfForSale()
