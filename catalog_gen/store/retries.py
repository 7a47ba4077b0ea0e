"""Looks whose every picture was rejected."""

from collections.abc import Collection
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import shard_list


@dataclass(frozen=True, slots=True)
class AllRejected:
    """A look whose every picture was rejected.

    ``product_ids`` are all products that ask for it, ``shards`` theirs; ``product_id`` and
    ``shard`` are the first, and ``inputs`` are that one's fields that the view read. ``attempts``
    counts how often candidates were asked for; ``best_total`` is 0..10.
    """

    product_id: str
    shard: int
    product_ids: tuple[str, ...]
    shards: tuple[int, ...]
    view: str
    look_id: str
    form: str
    prompt_id: str
    prompt: str
    negative_prompt: str
    inputs: dict[str, str]
    attempts: int
    pictures: int
    best_total: int


def all_rejected(
    connection: DuckDBPyConnection, shards: Collection[int] | None = None
) -> list[AllRejected]:
    """Looks that active products of these shards ask for, with every picture rejected."""
    rows = connection.execute(
        """
        SELECT all_rejected.product_id, all_rejected.shard, product_ids, shards, all_rejected.view,
            all_rejected.look_id, form, prompt_id, prompts.prompt, prompts.negative_prompt,
            prompts.inputs, attempts, pictures, best_total
        FROM all_rejected JOIN prompts USING (prompt_id)
        WHERE $shards IS NULL OR list_has_any(shards, $shards::UTINYINT[])
        ORDER BY all_rejected.view, all_rejected.product_id
        """,
        {"shards": shard_list(shards)},
    ).fetchall()
    return [
        AllRejected(product_id, shard, tuple(product_ids), tuple(shards_of), *rest)
        for product_id, shard, product_ids, shards_of, *rest in rows
    ]
