"""Google Merchant Center.

Sources: https://support.google.com/merchants/answer/7052112 (product data specification) and
https://support.google.com/merchants/answer/6324350 (image_link).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from catalog_gen.reporting.channels.channel import ChannelProduct, PictureForm, Row, ShopFacts
from catalog_gen.reporting.channels.merchant import DETAILS, MerchantChannel, is_apparel

_APPAREL_NEEDS: Final = ("color", "gender", "age_group", "size")


class Google(MerchantChannel):
    """A text feed for Google Merchant Center."""

    name: ClassVar = "google"
    form: ClassVar = PictureForm("JPEG", max_side=4000)
    platforms: ClassVar = frozenset({"google"})
    max_additional: ClassVar = 10
    title_length: ClassVar = 150
    id_length: ClassVar = 50
    columns: ClassVar = (
        *("id", "title", "description", "link", "image_link", "additional_image_link"),
        *("availability", "availability_date", "price", "sale_price"),
        *("sale_price_effective_date", "condition", *DETAILS),
    )
    required: ClassVar = (
        *("id", "title", "description", "link", "image_link", "availability", "price"),
    )

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        row = self.common(product, links, shop)
        row["description"] = row["description"][:5000]
        row["availability"] = "_".join(row["availability"].lower().split())
        for name in ("availability_date", "sale_price_effective_date"):
            row[name] = product.attributes.get(name, "")
        return [row]

    def lacking(self, row: Row) -> list[str]:
        missing = super().lacking(row)
        if row["availability"] == "preorder" and not row["availability_date"]:
            missing.append("availability_date")
        if is_apparel(row):
            missing += [name for name in _APPAREL_NEEDS if not row[name]]
        return missing
