"""The products that ask for a look, and so share its pictures."""

from collections.abc import Collection
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import registered, strings


class Asker(NamedTuple):
    """A product that asks for a look."""

    product_id: str
    shard: int


def asking(looks: str) -> str:
    """SQL of a common table, ``asking``: a row for each look of the relation ``looks``.

    It has ``look_id``, the first product that asks for it today (``product_id``, ``shard``,
    ``prompt_id``) and how many do (``products``), all among the products of ``$shards``. Looks
    that nobody asks for are absent.
    """
    return f"""asking AS (
        SELECT look_id, min(product_id) AS product_id, arg_min(shard, product_id) AS shard,
            arg_min(prompt_id, product_id) AS prompt_id, count(*) AS products
        FROM current_prompts
        WHERE look_id IN (SELECT look_id FROM {looks})
            AND ($shards IS NULL OR shard IN (SELECT unnest($shards::UTINYINT[])))
        GROUP BY look_id
    )"""


def askers(connection: DuckDBPyConnection, look_ids: Collection[str]) -> dict[str, list[Asker]]:
    """The active products that ask for these looks today, by look and id; absent: nobody does."""
    with registered(connection, "looks_to_find", strings(look_ids)):
        rows = connection.execute(
            """
            SELECT look_id, product_id, shard FROM current_prompts
            WHERE look_id IN (SELECT value FROM looks_to_find)
            ORDER BY look_id, product_id
            """
        ).fetchall()
    found: dict[str, list[Asker]] = {}
    for look_id, product_id, shard in rows:
        found.setdefault(look_id, []).append(Asker(product_id, shard))
    return found
