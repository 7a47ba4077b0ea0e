"""Parents in feeds that don't say which rows are parents.

A row whose id others name as their group, without a price of its own where they have one, stands
for its variants and is not for sale.
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
