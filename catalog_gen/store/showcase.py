"""The catalog as the gallery shows it: active products with their pictures and failures."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, TypeVar

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import columns_of, streaming

#: The columns of every active product that ``stored_product`` reads.
_ACTIVE: Final = f"SELECT {PRODUCT_COLUMNS} FROM active_products AS products ORDER BY product_id"
#: Rows fetched into Python at a time.
_FETCHED: Final = 500


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that a product asks for or shows, from the ``lineage`` view.

    ``products`` is how many products ask for it today; ``live``: this one shows it.
    """

    image_id: str
    sha256: str
    product_id: str
    products: int
    view: str
    candidate: int
    attempt: int
    drawn_because: str
    prompt: str
    negative_prompt: str
    seed: int
    model_hash: str
    method: str
    scheduler: str
    steps: int
    guidance: float
    parameters: dict[str, Any]
    similarity: float | None
    margin: float | None
    decision: str | None
    total: int | None
    live: bool
    criteria: dict[str, Any]
    hard_failures: tuple[str, ...]
    reviewer: str
    reference_sha256: str
    mask_sha256: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a wanted picture does not exist: the model can't draw it, or drawing failed."""

    product_id: str
    view: str
    unsupported: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """An active product with its pictures and troubles, by view."""

    product: Product
    pictures: list[ShownPicture]
    troubles: list[Trouble]


Part = TypeVar("Part", ShownPicture, Trouble)


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


def shown_products(connection: DuckDBPyConnection) -> Iterator[ShownProduct]:
    """The active products with everything that the gallery shows of them, by id.

    Products, pictures and troubles are streamed side by side in the order of ids, so memory does
    not grow with the catalog. Other queries of ``connection`` may run in between.
    """
    pictures = _Ordered(_shown_pictures(connection))
    wrong = _Ordered(_troubles(connection))
    for row in _rows(connection, _ACTIVE):
        product = stored_product(row)
        yield ShownProduct(product, pictures.of(product.product_id), wrong.of(product.product_id))


class _Ordered(Generic[Part]):
    """Parts of products, in the order of their ids, taken product by product."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts: Iterator[Part] = parts
        self._next: Part | None = next(parts, None)

    def of(self, product_id: str) -> list[Part]:
        """The parts of a product; parts of earlier ids, which have no product, are skipped."""
        found: list[Part] = []
        while self._next is not None and self._next.product_id <= product_id:
            if self._next.product_id == product_id:
                found.append(self._next)
            self._next = next(self._parts, None)
        return found


def _rows(connection: DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a query through its own cursor."""
    with streaming(connection) as cursor:
        result = cursor.execute(query)
        while rows := result.fetchmany(_FETCHED):
            yield from rows


def _shown_pictures(connection: DuckDBPyConnection) -> Iterator[ShownPicture]:
    """Kept pictures that active products ask for or show, by product, view and candidate.

    After a rollback, and while a gate holds a night back, what is live is no longer wanted.
    """
    query = f"""
        WITH shown AS (
            SELECT product_id, image_id, bool_or(live) AS live
            FROM (
                SELECT wish.product_id, ledger.recipe_id AS image_id, false AS live
                FROM current_prompts AS wish JOIN ledger USING (look_id)
                UNION ALL
                SELECT product_id, image_id, true AS live FROM live_items
            )
            SEMI JOIN active_products USING (product_id)
            GROUP BY product_id, image_id
        )
        SELECT {columns_of(ShownPicture, "product_id", "live")}, shown.product_id, shown.live
        FROM shown JOIN (SELECT * EXCLUDE (product_id, live) FROM lineage) USING (image_id)
        WHERE dropped_at IS NULL
        ORDER BY shown.product_id, view, candidate, attempt
    """
    own = ("product_id", "live")
    names = [field.name for field in fields(ShownPicture) if field.name not in own]
    names += own
    for row in _rows(connection, query):
        yield _shown_picture(dict(zip(names, row, strict=True)))


def _shown_picture(facts: dict[str, Any]) -> ShownPicture:
    return ShownPicture(
        **facts
        | {
            "parameters": json.loads(facts["parameters"] or "{}"),
            "criteria": json.loads(facts["criteria"] or "{}"),
            "hard_failures": tuple(facts["hard_failures"] or ()),
            "reviewer": facts["reviewer"] or "",
            "reference_sha256": facts["reference_sha256"] or "",
            "mask_sha256": facts["mask_sha256"] or "",
        }
    )


def _troubles(connection: DuckDBPyConnection) -> Iterator[Trouble]:
    """Current wishes that the model can't draw, or whose drawing failed."""
    query = """
        SELECT product_id, wish.view, any_value(unsupported),
            coalesce(list(DISTINCT error) FILTER (status IN ('failed', 'given up')), [])
        FROM current_prompts AS wish LEFT JOIN ledger USING (look_id)
        WHERE unsupported <> '' OR status IN ('failed', 'given up')
        GROUP BY product_id, wish.view ORDER BY product_id, wish.view
    """
    for product_id, view, unsupported, errors in _rows(connection, query):
        yield Trouble(product_id, view, unsupported, tuple(sorted(errors)))


def newest_rejections(connection: DuckDBPyConnection) -> list[Rejection]:
    """The rejected rows of the newest feed, by line."""
    rows = connection.execute(
        f"""
        SELECT {columns_of(Rejection)} FROM rejections
        WHERE feed_id = (SELECT arg_max(feed_id, seq) FROM feed_snapshots) ORDER BY line
        """
    ).fetchall()
    return [Rejection(*row) for row in rows]
