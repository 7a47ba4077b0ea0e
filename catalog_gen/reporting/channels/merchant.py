"""The common base of Google's and Meta's catalogs: one row per product, the same vocabulary."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from catalog_gen.catalog.prices import parse_price
from catalog_gen.catalog.readers.reader import without_entities
from catalog_gen.reporting.channels.channel import Channel, ChannelProduct, Row, ShopFacts

#: Fields of the specification that have other names in this package.
_CANONICAL: Final = {"color": "colour"}
_PRICES: Final = frozenset({"price", "sale_price"})
#: Categories for which colour, gender, age group and size are required.
_APPAREL: Final = ("apparel & accessories", "166")

#: Fields that both take besides id, title, description, link, pictures and prices.
DETAILS: Final = (
    *("brand", "gtin", "mpn", "google_product_category", "product_type", "item_group_id"),
    *("color", "material", "pattern", "size", "gender", "age_group"),
)


class MerchantChannel(Channel):
    """A channel with Google's vocabulary."""

    title_length: ClassVar[int]
    main: ClassVar[tuple[str, ...]] = ("image_link",)
    more: ClassVar = ("additional_image_link", ",")

    def cleaned(self, name: str, value: str) -> str:
        """A cell of the shop's own feed, with a decimal point and without HTML entities."""
        column = name.strip().casefold().removeprefix("g:").replace(" ", "_")
        if column in _PRICES and value and (price := parse_price(value)):
            return price.with_currency() if price.currency else value
        return without_entities(value) if column == "title" else value

    def common(self, product: ChannelProduct, links: Sequence[str], shop: ShopFacts) -> Row:
        """The fields that both channels take."""
        facts = product.attributes
        row = {name: facts.get(_CANONICAL.get(name, name), "") for name in DETAILS}
        row |= {
            "id": product.product_id,
            "title": product.title[: self.title_length],
            "description": product.description or product.title,
            "link": link_of(facts, shop),
            "image_link": links[0],
            "additional_image_link": ",".join(links[1 : 1 + self.max_additional]),
            "availability": facts.get("availability", "") or shop.availability,
            "condition": facts.get("condition", ""),
            "product_type": product.category,
            "item_group_id": product.group_id,
        }
        for name in _PRICES:
            price = parse_price(facts.get(name, ""))
            row[name] = price.with_currency(shop.currency) if price else ""
        # For a reduced price, Shopify has the former one in a field of its own.
        before, now = parse_price(facts.get("compare_at_price", "")), parse_price(row["price"])
        if before and now and before.amount > now.amount and not row["sale_price"]:
            row["sale_price"] = row["price"]
            row["price"] = before.with_currency(now.currency or shop.currency)
        return row

    def lacking(self, row: Row) -> list[str]:
        missing = super().lacking(row)
        price = parse_price(row["price"])
        if row["price"] and not (price and price.currency):
            missing.append("a currency of the price (publish.currency)")
        return missing


def is_apparel(row: Mapping[str, str]) -> bool:
    """Whether Google's category is clothes, shoes or accessories."""
    category = row.get("google_product_category", "").casefold()
    return category.startswith(_APPAREL)


def link_of(facts: Mapping[str, str], shop: ShopFacts) -> str:
    """The product's page: the feed's own, or the platform's path below the shop's address."""
    if facts.get("link"):
        return facts["link"]
    page = facts.get("page", "")
    return f"{shop.shop_url.rstrip('/')}/{page}" if page and shop.shop_url else ""
