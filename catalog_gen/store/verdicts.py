"""Verdicts of the rubric, and what people said instead. Nothing here judges."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.recipe import Recipe
from catalog_gen.store.relations import MOMENT, TEXT, arrow_table, registered, shard_list

Decision = Literal["accepted", "review", "rejected"]


@dataclass(frozen=True, eq=False, slots=True)
class ToJudge:
    """A scored picture with all that a rubric may ask for.

    ``inputs`` are the product's fields that the picture was drawn from; ``environment_id`` is ''
    where the database lacks the environment; ``embedding`` is (D,), of unit length; ``signals`` is
    the JSON that the scores came with.
    """

    image_id: str
    product_id: str
    view: str
    candidate: int
    attempt: int
    inputs: dict[str, str]
    recipe: Recipe
    environment_id: str
    similarity: float
    margin: float
    embedding: NDArray[np.float32]
    signals: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The rubric's answer for one picture.

    Attributes:
        rubric: hash of the rubric's thresholds and of the scorer.
        total: 0..10.
        criteria: JSON, by name: ``{"points": 0..2, "why": sentence}``.
        hard_failures: sentences; any of them rejects the picture.
    """

    image_id: str
    rubric: str
    decision: Decision
    total: int
    criteria: str
    hard_failures: tuple[str, ...]
    judged_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class ReviewedVerdict:
    """The rubric's verdict on a picture that a person has decided about."""

    decision: Decision
    total: int
    criteria: str
    hard_failures: tuple[str, ...]
    rejected: bool
    """By the person."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A picture in use that the rubric sent to review and nobody has looked at."""

    image_id: str
    product_id: str
    view: str
    total: int
    criteria: str


_VERDICTS: Final = pa.schema(
    [
        ("image_id", TEXT),
        ("rubric", TEXT),
        ("decision", TEXT),
        ("total", pa.int32()),
        ("criteria", TEXT),
        ("hard_failures", pa.list_(TEXT)),
        ("judged_at", MOMENT),
        ("run_id", TEXT),
    ]
)


def unjudged(
    connection: DuckDBPyConnection, rubric: str, scorer: str, shards: Collection[int] | None
) -> list[ToJudge]:
    """Pictures that this scorer has seen and whose newest verdict is not this rubric's.

    Only those of current prompts of active products, by view and product. One that this rubric
    judged before another did is judged again: everything goes by the newest verdict.
    """
    rows = connection.execute(
        """
        SELECT ledger.recipe_id, ledger.product_id, ledger.view, ledger.candidate, ledger.attempt,
            to_json(prompts.inputs)::VARCHAR, recipes.recipe,
            coalesce(environments.environment_id, ''), scores.similarity, scores.margin,
            scores.embedding, scores.signals
        FROM ledger
        JOIN images ON images.image_id = ledger.recipe_id
        JOIN scores ON scores.image_id = ledger.recipe_id AND scores.scorer = $scorer
        JOIN prompts ON prompts.prompt_id = ledger.prompt_id AND prompts.current
        SEMI JOIN (SELECT product_id FROM products WHERE retired_at IS NULL) AS active
            ON active.product_id = ledger.product_id
        JOIN recipes ON recipes.recipe_id = ledger.recipe_id
        LEFT JOIN environments ON environments.environment_id = images.environment_id
        WHERE ledger.status = 'made'
            AND ($shards IS NULL OR ledger.shard IN (SELECT unnest($shards::UTINYINT[])))
            AND ledger.recipe_id NOT IN (
                SELECT image_id FROM verdicts
                GROUP BY image_id HAVING arg_max(rubric, judged_at) = $rubric
            )
        ORDER BY ledger.view, ledger.product_id, ledger.candidate, ledger.attempt
        """,
        {"scorer": scorer, "rubric": rubric, "shards": shard_list(shards)},
    ).fetchall()
    return [_to_judge(row) for row in rows]


def save_verdicts(connection: DuckDBPyConnection, rows: Sequence[VerdictRow]) -> None:
    """Keep verdicts, instead of what the same rubric said of a picture earlier."""
    if not rows:
        return
    with registered(connection, "verdicts_to_save", arrow_table(rows, _VERDICTS, _values)):
        connection.execute("INSERT OR REPLACE INTO verdicts SELECT * FROM verdicts_to_save")


def save_review(
    connection: DuckDBPyConnection,
    image_id: str,
    decision: Literal["accepted", "rejected"],
    *,
    reviewer: str,
    note: str,
    now: datetime,
) -> None:
    """Keep what a person said of a picture; the newest word counts."""
    connection.execute(
        "INSERT INTO reviews VALUES (?, ?, ?, ?, ?)", [image_id, decision, reviewer, note, now]
    )


def reviewed_verdicts(connection: DuckDBPyConnection, rubric: str) -> list[ReviewedVerdict]:
    """What this rubric said of every picture that people decided about, and their last word."""
    rows = connection.execute(
        """
        SELECT verdicts.decision, total, criteria, hard_failures, last.decision = 'rejected'
        FROM verdicts JOIN (
            SELECT image_id, arg_max(decision, reviewed_at) AS decision
            FROM reviews GROUP BY image_id
        ) AS last USING (image_id)
        WHERE rubric = $rubric ORDER BY image_id
        """,
        {"rubric": rubric},
    ).fetchall()
    return [
        ReviewedVerdict(decision, total, criteria, tuple(hard), rejected)
        for decision, total, criteria, hard, rejected in rows
    ]


def waiting_for_review(connection: DuckDBPyConnection, limit: int) -> list[Waiting]:
    """Pictures of current wishes that wait for a person, the best first."""
    rows = connection.execute(
        """
        SELECT image_id, product_id, view, total, coalesce(criteria, '{}') FROM lineage
        WHERE decision = 'review' AND still_wanted AND retired_at IS NULL
        ORDER BY total DESC, product_id, view, image_id LIMIT $limit
        """,
        {"limit": limit},
    ).fetchall()
    return [Waiting(*row) for row in rows]


def _to_judge(row: tuple[Any, ...]) -> ToJudge:
    image_id, product_id, view, candidate, attempt, inputs, recipe, *rest = row
    environment_id, similarity, margin, embedding, signals = rest
    return ToJudge(
        image_id=image_id,
        product_id=product_id,
        view=view,
        candidate=candidate,
        attempt=attempt,
        inputs=json.loads(inputs),
        recipe=Recipe.model_validate_json(recipe),
        environment_id=environment_id,
        similarity=similarity,
        margin=margin,
        embedding=np.asarray(embedding, dtype=np.float32),
        signals=signals,
    )


def _values(row: VerdictRow) -> tuple[object, ...]:
    return (
        row.image_id,
        row.rubric,
        row.decision,
        row.total,
        row.criteria,
        list(row.hard_failures),
        row.judged_at,
        row.run_id,
    )
