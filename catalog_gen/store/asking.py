"""Relations of the products that ask for a view: a part of them, with further attributes.

They live as long as the connection, and write nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import CORE_FIELDS, Product
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import arrow_rows, strings


@dataclass(frozen=True, slots=True)
class Extra:
    """What else is known of a product, beside its feed's attributes."""

    product_id: str
    attributes: Mapping[str, str]


def alike(
    connection: DuckDBPyConnection, fields: Collection[str], relation: str
) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The distinct values that active products have in these fields, and whose they are."""
    names = sorted(fields)
    values = [
        f'"{name}"' if name in CORE_FIELDS else f"coalesce(attributes[$field_{place}], '')"
        for place, name in enumerate(names)
    ]
    rows = connection.execute(
        f"""
        SELECT {", ".join([*values, "list(product_id)"])}
        FROM "{relation}" WHERE retired_at IS NULL GROUP BY ALL
        """,
        {f"field_{place}": name for place, name in enumerate(names) if name not in CORE_FIELDS},
    ).fetchall()
    for *found, product_ids in rows:
        yield dict(zip(names, found, strict=True)), product_ids or []


def photographed(connection: DuckDBPyConnection, relation: str) -> Iterator[Product]:
    """The active products of a relation that have a photo, by id."""
    rows = connection.execute(
        f"""
        SELECT {PRODUCT_COLUMNS} FROM "{relation}" AS products
        WHERE retired_at IS NULL AND reference <> '' ORDER BY product_id
        """
    ).fetchall()
    return map(stored_product, rows)


def narrowed(
    connection: DuckDBPyConnection, relation: str, product_ids: Iterable[str], name: str
) -> str:
    """The same relation with these products alone, readable as ``name``."""
    connection.register(f"{name}_ids", strings(product_ids))
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW "{name}" AS
        FROM "{relation}" SEMI JOIN "{name}_ids" ON product_id = value
        """
    )
    return name


def with_extras(
    connection: DuckDBPyConnection, relation: str, extras: Iterable[Extra], name: str
) -> str:
    """Those of a relation's products of which more is known, with it, readable as ``name``."""
    connection.register(f"{name}_rows", arrow_rows(Extra, extras))
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW "{name}" AS
        SELECT products.* REPLACE (map_concat(products.attributes, more.attributes) AS attributes)
        FROM "{relation}" AS products JOIN "{name}_rows" AS more USING (product_id)
        """
    )
    return name
