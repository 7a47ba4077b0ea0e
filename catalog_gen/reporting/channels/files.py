"""Pictures and a list of them, for people and a shop's own scripts."""

from collections.abc import Sequence
from typing import ClassVar

from catalog_gen.reporting.channels.channel import (
    Channel,
    ChannelProduct,
    PictureForm,
    Row,
    ShopFacts,
)


class Files(Channel):
    """One row per picture. People open it in a spreadsheet, so no cell may be a formula."""

    name: ClassVar = "files"
    form: ClassVar = PictureForm("PNG", max_side=65_535)
    max_additional: ClassVar = 1000
    columns: ClassVar = ("product_id", "title", "category", "image_link", "position")
    required: ClassVar = ("product_id",)
    for_people: ClassVar = True

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
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
