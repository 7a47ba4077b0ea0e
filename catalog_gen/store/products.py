"""The products table: the newest feed's products, and how they differ from the feed before.

Whole feeds go through Arrow and set operations, so that a million products take seconds.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.catalog.product_columns import Products
from catalog_gen.errors import FeedError
from catalog_gen.fingerprint import SHARDS, sha256_json
from catalog_gen.store.relations import (
    among,
    insert_row,
    only_row,
    registered,
    registered_rows,
    strings,
)

#: What ``stored_product`` reads. Maps come as JSON: as maps they take five times as long to fetch.
PRODUCT_COLUMNS: Final = """products.product_id, products.title, products.category,
    products.description, products.group_id, products.reference,
    to_json(products.attributes)::VARCHAR"""

#: The hash over a whole row; ``to_json`` separates the values, and attributes come sorted.
_ROW_HASH: Final = """
    sha256(to_json([title, category, description, group_id, reference])::VARCHAR
        || to_json(map_keys(attributes))::VARCHAR || to_json(map_values(attributes))::VARCHAR)
"""

#: The last bits of SHA-256 are the hash modulo a power of two.
_SHARD: Final = f"(('0x' || right(sha256(product_id), 2))::UTINYINT & {SHARDS - 1})::UTINYINT"


@dataclass(frozen=True, slots=True)
class FeedChanges:
    """How a feed differs from the products that were active before it.

    ``skipped`` counts the rows that are not for sale, by reason.
    """

    active: int
    added: int
    changed: int
    retired: int
    unchanged: int
    rejected: int
    platform: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedProduct:
    """A product's id and title, for people."""

    product_id: str
    title: str


@dataclass(frozen=True, slots=True)
class FeedDiff:
    """The products behind the counts of ``FeedChanges``, by id."""

    added: tuple[NamedProduct, ...]
    changed: tuple[NamedProduct, ...]
    retired: tuple[NamedProduct, ...]

    def changes(self, active: int, rejected: int) -> FeedChanges:
        """The counts, for a feed with these numbers of products and rejected rows."""
        added, changed, retired = map(len, (self.added, self.changed, self.retired))
        return FeedChanges(active, added, changed, retired, active - added - changed, rejected)


def incoming_products(
    connection: DuckDBPyConnection, products: Products, name: str = "incoming"
) -> str:
    """Make products that are not stored readable as ``name``, with the products table's columns.

    They are copied to a temporary table, so that their rows are hashed once. It lives as long as
    the connection. Returns the name.
    """
    with registered(connection, f"{name}_rows", products.table):
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE "{name}" AS
            SELECT product_id, {_SHARD} AS shard, title, category, description, group_id, reference,
                attributes, {_ROW_HASH} AS row_hash, '' AS feed_id,
                NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS changed_at,
                NULL::TIMESTAMPTZ AS retired_at
            FROM "{name}_rows"
            """
        )
    return name


def products_among(
    connection: DuckDBPyConnection, relation: str, product_ids: Iterable[str]
) -> set[str]:
    """Those of the products that a relation with the products table's columns has."""
    return among(connection, product_ids, f'SELECT product_id FROM "{relation}"')


def feed_diff(connection: DuckDBPyConnection, incoming: str) -> FeedDiff:
    """Which products ``record_feed`` would add, change and retire; writes nothing.

    A retired product that is back counts as added.

    Args:
        incoming: the relation of ``incoming_products``.
    """
    rows = connection.execute(
        f"""
        SELECT CASE
                WHEN feed.product_id IS NULL THEN 'retired'
                WHEN known.product_id IS NULL OR known.retired_at IS NOT NULL THEN 'added'
                ELSE 'changed'
            END AS kind,
            coalesce(feed.product_id, known.product_id) AS id, coalesce(feed.title, known.title)
        FROM (SELECT product_id, title, row_hash FROM "{incoming}") AS feed
        FULL JOIN (SELECT product_id, title, row_hash, retired_at FROM products) AS known
            ON known.product_id = feed.product_id
        WHERE (feed.product_id IS NOT NULL OR known.retired_at IS NULL)
            AND (known.retired_at IS NOT NULL OR feed.row_hash IS DISTINCT FROM known.row_hash)
        ORDER BY id
        """
    ).fetchall()

    def of(kind: str) -> tuple[NamedProduct, ...]:
        return tuple(NamedProduct(each, title) for own, each, title in rows if own == kind)

    return FeedDiff(of("added"), of("changed"), of("retired"))


def collapse(changes: FeedChanges, source: str, shrink_limit: float) -> FeedError | None:
    """Why a feed that lost too many products is refused; None if it is accepted.

    Args:
        source: the feed's path as configured.
        shrink_limit: the share of active products, 0..1, that one feed may retire.
    """
    before = changes.changed + changes.unchanged + changes.retired
    if not before or changes.retired / before <= shrink_limit:
        return None
    return FeedError(
        source,
        f"the feed lacks {changes.retired} of {before} active products "
        f"({changes.retired / before:.0%}), more than feed.shrink_limit = {shrink_limit:g}",
        "Nothing was changed. Send a complete feed, or raise feed.shrink_limit in catalog.toml "
        "if so many products are really gone.",
    )


def record_feed(
    connection: DuckDBPyConnection,
    contents: FeedContents,
    *,
    source: str,
    sha256: str,
    shrink_limit: float,
    run_id: str,
    now: datetime,
) -> FeedChanges:
    """Update the products from a feed, and record the feed with its rejected rows.

    Args:
        source: the feed's path as configured.
        sha256: of the feed file's bytes.
        shrink_limit: the share of active products, 0..1, that one feed may retire.

    Raises:
        FeedError: the feed would retire a larger share; nothing was written.
    """
    name = incoming_products(connection, contents.products, "feed_to_record")
    changes = _changes(connection, name, len(contents.rejections))
    refusal = collapse(changes, source, shrink_limit)
    if refusal is not None:
        raise refusal
    feed_id = sha256_json([sha256, now.isoformat()])
    if changes.added or changes.changed or changes.retired:
        _write(connection, name, feed_id, now)
    connection.execute(f'DROP TABLE "{name}"')
    _write_snapshot(connection, feed_id, contents, changes, source, sha256, run_id, now)
    _write_rejections(connection, feed_id, contents)
    return replace(changes, platform=contents.platform, skipped=contents.skipped)


def change_attribute(
    connection: DuckDBPyConnection, name: str, values: Mapping[str, str], now: datetime
) -> None:
    """Set one attribute that these products already have, by product id.

    If the next feed has the same value, it finds the products unchanged.
    """
    rows = pa.table({"id": list(values), "value": list(values.values())})
    with registered(connection, "changed_attribute", rows):
        connection.execute(
            """
            UPDATE products SET
                attributes = map_concat(attributes, MAP {$name: changed.value}), changed_at = $now
            FROM changed_attribute AS changed WHERE changed.id = products.product_id
            """,
            {"name": name, "now": now},
        )
        connection.execute(
            f"""
            UPDATE products SET row_hash = {_ROW_HASH}
            WHERE product_id IN (SELECT id FROM changed_attribute)
            """
        )


def products_named(connection: DuckDBPyConnection, product_ids: Iterable[str]) -> list[Product]:
    """Those of the products that are active, by id."""
    with only_products(connection, product_ids) as relation:
        rows = connection.execute(
            f"""
            SELECT {PRODUCT_COLUMNS} FROM "{relation}" AS products
            WHERE retired_at IS NULL ORDER BY product_id
            """
        ).fetchall()
    return [stored_product(row) for row in rows]


@contextmanager
def only_products(
    connection: DuckDBPyConnection, product_ids: Iterable[str], name: str = "only_these"
) -> Iterator[str]:
    """The products table restricted to these, readable as ``name`` while the block runs."""
    with registered(connection, f"{name}_ids", strings(product_ids)):
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP VIEW "{name}" AS
            FROM products WHERE product_id IN (SELECT value FROM "{name}_ids")
            """
        )
        yield name
        connection.execute(f'DROP VIEW "{name}"')


def stored_product(row: Sequence[Any]) -> Product:
    """A product from the columns of ``PRODUCT_COLUMNS``."""
    product_id, title, category, description, group_id, reference, attributes = row
    return Product(
        product_id, title, category, description, group_id, reference, json.loads(attributes)
    )


def _changes(connection: DuckDBPyConnection, name: str, rejected: int) -> FeedChanges:
    row = only_row(
        connection.execute(
            f"""
        SELECT
            count(*) FILTER (feed.product_id IS NOT NULL),
            count(*) FILTER (feed.product_id IS NOT NULL AND
                (known.product_id IS NULL OR known.retired_at IS NOT NULL)),
            count(*) FILTER (known.retired_at IS NULL AND feed.row_hash <> known.row_hash),
            count(*) FILTER (feed.product_id IS NULL AND known.retired_at IS NULL),
            count(*) FILTER (known.retired_at IS NULL AND feed.row_hash = known.row_hash)
        FROM (SELECT product_id, row_hash FROM "{name}") AS feed
        FULL JOIN (SELECT product_id, row_hash, retired_at FROM products) AS known
            ON known.product_id = feed.product_id
        """
        )
    )
    active, added, changed, retired, unchanged = row
    return FeedChanges(active, added, changed, retired, unchanged, rejected)


def _write(connection: DuckDBPyConnection, name: str, feed_id: str, now: datetime) -> None:
    """Merge the feed's rows into the products table, leaving unchanged rows alone.

    The prompts of products that leave end with them, so that current ones are of active products.
    """
    connection.execute(
        f"""
        MERGE INTO products USING (
            SELECT feed.* REPLACE (
                $feed AS feed_id, $now AS changed_at, coalesce(known.first_seen, $now) AS first_seen
            )
            FROM "{name}" AS feed
            LEFT JOIN (SELECT product_id, first_seen FROM products) AS known USING (product_id)
        ) AS feed USING (product_id)
        WHEN MATCHED
            AND (feed.row_hash <> products.row_hash OR products.retired_at IS NOT NULL)
            THEN UPDATE BY NAME
        WHEN NOT MATCHED THEN INSERT BY NAME
        WHEN NOT MATCHED BY SOURCE AND products.retired_at IS NULL
            THEN UPDATE SET retired_at = $now, feed_id = $feed
        """,
        {"feed": feed_id, "now": now},
    )
    connection.execute(
        """
        UPDATE prompts SET current = false
        WHERE current AND product_id IN (
            SELECT product_id FROM products WHERE retired_at IS NOT NULL AND feed_id = $feed
        )
        """,
        {"feed": feed_id},
    )


def _write_snapshot(
    connection: DuckDBPyConnection,
    feed_id: str,
    contents: FeedContents,
    changes: FeedChanges,
    source: str,
    sha256: str,
    run_id: str,
    now: datetime,
) -> None:
    insert_row(
        connection,
        "feed_snapshots",
        {
            "feed_id": feed_id,
            "sha256": sha256,
            "source": source,
            "format": contents.format,
            "platform": contents.platform,
            "encoding": contents.encoding,
            "rows_read": contents.rows_read,
            "accepted": len(contents.products),
            "rejected": changes.rejected,
            "skipped": json.dumps(contents.skipped),
            "added": changes.added,
            "changed": changes.changed,
            "retired": changes.retired,
            "read_at": now,
            "run_id": run_id,
        },
        unless_known=True,
    )


def _write_rejections(connection: DuckDBPyConnection, feed_id: str, contents: FeedContents) -> None:
    connection.execute("DELETE FROM rejections WHERE feed_id = ?", [feed_id])
    with registered_rows(connection, "rejected_rows", Rejection, contents.rejections):
        connection.execute(
            "INSERT INTO rejections BY NAME SELECT *, $feed AS feed_id FROM rejected_rows",
            {"feed": feed_id},
        )
