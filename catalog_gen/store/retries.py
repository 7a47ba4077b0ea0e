"""Looks without a good picture: all were rejected, or the best one is doubtful."""

from collections.abc import Collection
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import shard_list


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A look that more candidates may help.

    ``product_ids`` are all products that ask for it, ``shards`` theirs; ``product_id`` and
    ``shard`` are the first, and ``inputs`` are that one's fields that the view read. ``attempts``
    counts how often candidates were asked for.
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


@dataclass(frozen=True, slots=True)
class AllRejected(Unsettled):
    """A look whose every picture was rejected; ``best_total`` is 0..10."""

    pictures: int
    best_total: int


@dataclass(frozen=True, slots=True)
class Doubtful(Unsettled):
    """A look whose soundest picture that was not rejected is of doubtful form."""

    soundness: float
    """Of that picture, 0..1."""


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


def doubtful(
    connection: DuckDBPyConnection,
    least: float,
    enough: float,
    shards: Collection[int] | None = None,
) -> list[Doubtful]:
    """Looks of active products of these shards whose best form is doubtful.

    That is a soundness of at least ``least`` and below ``enough``, by the newest verdicts. Looks
    with undrawn or unjudged candidates wait for those, and what a person accepted is settled.
    """
    rows = connection.execute(
        """
        WITH unsure AS (
            SELECT DISTINCT look_id FROM ledger
            JOIN newest_verdicts AS verdict ON verdict.image_id = recipe_id
            WHERE soundness >= $least AND soundness < $enough AND status = 'made'
        ), judged AS (
            SELECT look_id, any_value(ledger.view) AS view, max(attempt) + 1 AS attempts,
                max(soundness) FILTER (coalesce(review.decision, verdict.decision) <> 'rejected')
                    AS best
            FROM ledger SEMI JOIN unsure USING (look_id)
            LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = recipe_id
            LEFT JOIN newest_reviews AS review ON review.image_id = recipe_id
            GROUP BY look_id
            HAVING bool_and(status IN ('made', 'given up'))
                AND bool_and(verdict.decision IS NOT NULL) FILTER (status = 'made')
                AND NOT bool_or(coalesce(review.decision = 'accepted', false))
                AND best >= $least AND best < $enough
        ), asking AS (
            SELECT look_id, list(product_id ORDER BY product_id) AS product_ids,
                list(shard ORDER BY product_id) AS shards, arg_min(prompt_id, product_id) AS first
            FROM current_prompts SEMI JOIN judged USING (look_id)
            GROUP BY look_id
        )
        SELECT product_ids[1], asking.shards[1], product_ids, asking.shards, judged.view, look_id,
            form, prompt_id, prompt, negative_prompt, inputs, attempts, best
        FROM judged JOIN asking USING (look_id)
        JOIN (SELECT * EXCLUDE (look_id, view) FROM prompts) AS prompts ON prompt_id = first
        WHERE $shards IS NULL OR list_has_any(asking.shards, $shards::UTINYINT[])
        ORDER BY judged.view, product_ids[1]
        """,
        {"least": least, "enough": enough, "shards": shard_list(shards)},
    ).fetchall()
    return [
        Doubtful(product_id, shard, tuple(product_ids), tuple(shards_of), *rest)
        for product_id, shard, product_ids, shards_of, *rest in rows
    ]
