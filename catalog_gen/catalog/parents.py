"""Find parent rows in feeds that don't mark them.

A row is a parent, and not for sale, if other rows name its id as their group and have a price while
it has none.
"""

from collections.abc import Sequence

from catalog_gen.catalog.prices import amount_of
from catalog_gen.catalog.product import Product


def without_parents(products: Sequence[Product]) -> Sequence[Product]:
    """The products without the parents among them; the same sequence where there are none."""
    groups: dict[str, bool] = {}
    for product in products:
        group = product.group_id
        if group and group != product.product_id:
            groups[group] = groups.get(group, False) or _is_priced(product)
    if not groups:
        return products
    return [
        product
        for product in products
        if not groups.get(product.product_id, False) or _is_priced(product)
    ]


def _is_priced(product: Product) -> bool:
    amount = amount_of(product.attributes.get("price", ""))
    return amount is not None and amount > 0
