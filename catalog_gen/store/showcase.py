"""The active products, the order of their views, and the rows that the newest feed lost."""

from collections.abc import Iterable, Sequence
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import columns_of

#: The columns of every active product that ``stored_product`` reads.
_ACTIVE: Final = f"SELECT {PRODUCT_COLUMNS} FROM active_products AS products ORDER BY product_id"


def _ordered(shown: Iterable[str], views: Sequence[str]) -> list[str]:
    return sorted(shown, key=lambda view: place_of(view, views))


def place_of(view: str, views: Sequence[str]) -> tuple[int, str]:
    """The sort key of a view: its place among those of the settings; others come after them."""
    return (views.index(view) if view in views else len(views), view)


def live_views(connection: DuckDBPyConnection, product_id: str, views: Sequence[str]) -> list[str]:
    """The live views of a product in the order of ``views``: the first is its main one."""
    rows = connection.execute(
        "SELECT view FROM live_items WHERE product_id = ?", [product_id]
    ).fetchall()
    return _ordered((view for (view,) in rows), views)


def active_products(connection: DuckDBPyConnection) -> list[Product]:
    """The products of the newest feed, by id."""
    rows = connection.execute(_ACTIVE).fetchall()
    return [stored_product(row) for row in rows]


def newest_rejections(connection: DuckDBPyConnection) -> list[Rejection]:
    """The rejected rows of the newest feed, by line."""
    rows = connection.execute(
        f"""
        SELECT {columns_of(Rejection)} FROM rejections
        WHERE feed_id = (SELECT arg_max(feed_id, seq) FROM feed_snapshots) ORDER BY line
        """
    ).fetchall()
    return [Rejection(*row) for row in rows]
