"""WooCommerce: its own CSV written back, or a CSV of new simple products.

Source: https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema
"""

from collections.abc import Sequence
from typing import ClassVar

from catalog_gen.catalog.prices import parse_price
from catalog_gen.catalog.readers.reader import fold
from catalog_gen.catalog.readers.woocommerce import WooCommerce as Reader
from catalog_gen.reporting.channels.channel import Channel, ChannelProduct, Row, ShopFacts


class WooCommerce(Channel):
    """Products of WooCommerce. ``Images`` lists all of a row's pictures, the main one first."""

    name: ClassVar = "woocommerce"
    id_length: ClassVar = 100
    platforms: ClassVar = frozenset({"woocommerce"})
    max_additional: ClassVar = 50
    main: ClassVar = ("Images", *Reader.columns["_images"][1:])
    columns: ClassVar = (
        *("Type", "SKU", "Name", "Published", "Description", "In stock?", "Sale price"),
        *("Regular price", "Categories", "Images", "Brands"),
    )
    required: ClassVar = ("SKU", "Name", "Regular price", "Images")

    def with_pictures(self, fields: Row, links: Sequence[str]) -> Row:
        changed = dict(fields)
        for name in fields:
            if fold(name) in Reader.columns["_images"]:
                had = [each.strip() for each in fields[name].split(",") if each.strip()]
                changed[name] = ", ".join(dict.fromkeys([*links, *had[1:]]))
        return changed

    def rows(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> list[Row]:
        facts = product.attributes
        price, sale = parse_price(facts.get("price", "")), parse_price(facts.get("sale_price", ""))
        availability = facts.get("availability", "") or shop.availability
        sold_out = availability.lower().replace("_", " ") == "out of stock"
        return [
            {
                "Type": "simple",
                "SKU": product.product_id,
                "Name": product.title,
                "Published": "1",
                "Description": product.description,
                "In stock?": "0" if sold_out else "1",
                "Sale price": sale.number if sale else "",
                "Regular price": price.number if price else "",
                "Categories": product.category.replace(",", "\\,"),
                "Images": ", ".join(links[: 1 + self.max_additional]),
                "Brands": facts.get("brand", ""),
            }
        ]
