"""Meta's catalog, for Facebook and Instagram.

Source: https://www.facebook.com/business/help/120325381656392 (catalog fields).
"""

from collections.abc import Sequence
from typing import ClassVar

from catalog_gen.reporting.channels.channel import ChannelProduct, PictureForm, Row, ShopFacts
from catalog_gen.reporting.channels.merchant import DETAILS, MerchantChannel


class Meta(MerchantChannel):
    """A catalog CSV for Meta."""

    name: ClassVar = "meta"
    form: ClassVar = PictureForm("JPEG", max_side=2048)
    platforms: ClassVar = frozenset({"meta"})
    max_additional: ClassVar = 20
    id_length: ClassVar = 100
    title_length: ClassVar = 200
    main: ClassVar = ("image_link", "image[0].url")
    columns: ClassVar = (
        *("id", "title", "description", "availability", "condition", "price", "sale_price"),
        *("link", "image_link", "additional_image_link", *DETAILS),
    )
    required: ClassVar = (
        *("id", "title", "description", "availability", "condition", "price"),
        *("link", "image_link", "brand"),
    )

    def takes_back(self, platform: str, names: frozenset[str]) -> bool:
        """Meta's own feeds, and feeds for Google that have all columns that Meta requires."""
        return platform == "meta" or (platform == "google" and frozenset(self.required) <= names)

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        row = self.common(product, links, shop)
        row["id"] = row["id"][:100]
        row["description"] = row["description"][:9999]
        row["availability"] = " ".join(row["availability"].lower().replace("_", " ").split())
        # Meta requires it; products are new unless the feed says otherwise.
        row["condition"] = row["condition"] or "new"
        return [row]
