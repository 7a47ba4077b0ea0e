"""Find parent rows in feeds that don't mark them.

A row is a parent, and not for sale, if other rows name its id as their group and have a price while
it has none.
"""

import pyarrow.compute as pc

from catalog_gen.arrow_text import bool_array
from catalog_gen.catalog.prices import amount_of
from catalog_gen.catalog.product_columns import Products


def without_parents(products: Products) -> Products:
    """The products without the parents among them; the same ones where there are none."""
    ids, group_ids = products.column("product_id"), products.column("group_id")
    others = pc.and_(products.having("group_id"), pc.not_equal(group_ids, ids))
    if not pc.any(others).as_py():
        return products
    prices = products.column("price").to_pylist()
    is_priced = {price: _is_priced(price) for price in set(prices)}
    priced = bool_array([is_priced[price] for price in prices])
    variants = pc.and_(others, priced)
    groups = pc.unique(group_ids.filter(variants))
    parents = pc.and_(pc.is_in(ids, groups), pc.invert(priced))
    return products.only(pc.invert(parents))


def _is_priced(price: str | None) -> bool:
    amount = amount_of(price or "")
    return amount is not None and amount > 0
