"""Products and views whose pictures were all rejected; ``stages/retries.py`` plans retries."""

from collections.abc import Collection
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import shard_list


@dataclass(frozen=True, slots=True)
class AllRejected:
    """A product and view whose every picture was rejected.

    ``attempts`` counts how often candidates were asked for; ``inputs`` are the product's fields
    that the view read; ``best_total`` is 0..10.
    """

    product_id: str
    shard: int
    view: str
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
    """Current wishes of active products whose pictures were all judged and rejected."""
    rows = connection.execute(
        """
        SELECT all_rejected.product_id, all_rejected.shard, all_rejected.view, prompt_id,
            prompts.prompt, prompts.negative_prompt, prompts.inputs, attempts, pictures,
            best_total
        FROM all_rejected JOIN prompts USING (prompt_id)
        WHERE $shards IS NULL OR all_rejected.shard IN (SELECT unnest($shards::UTINYINT[]))
        ORDER BY all_rejected.view, all_rejected.product_id
        """,
        {"shards": shard_list(shards)},
    ).fetchall()
    return [AllRejected(*row) for row in rows]
