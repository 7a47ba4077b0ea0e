"""The verdicts and reviews tables: the rubric's decisions, and people's."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.decision import Decision, PersonsDecision
from catalog_gen.recipe import Recipe
from catalog_gen.store.looks import asking
from catalog_gen.store.relations import (
    columns_of,
    first_row,
    insert_row,
    only_row,
    registered_rows,
    shard_list,
)


@dataclass(frozen=True, eq=False, slots=True)
class ToJudge:
    """A scored picture with everything that a rubric may use.

    ``product_id`` is the first of the products that ask for it; ``environment_id`` is '' where the
    database lacks the environment; ``embedding`` is (D,), of unit length; ``signals`` and
    ``lookers`` are the scores' JSON.
    """

    image_id: str
    product_id: str
    view: str
    candidate: int
    attempt: int
    recipe: Recipe
    environment_id: str
    similarity: float
    margin: float
    embedding: NDArray[np.float32]
    signals: str
    lookers: str


@dataclass(frozen=True, eq=False, slots=True)
class ReviewedPicture:
    """A picture that a person accepted or rejected, with its scores.

    ``signals`` and ``lookers`` are the scores' JSON.

    ``product_id`` is the product that it was drawn for first.
    """

    image_id: str
    product_id: str
    embedding: NDArray[np.float32]
    signals: str
    lookers: str
    rejected: bool


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The rubric's answer for one picture.

    Attributes:
        rubric: hash of the rubric's thresholds and of the scorer.
        total: 0..10.
        criteria: JSON, by name: ``{"points": 0..2, "why": sentence}``.
        hard_failures: sentences; any of them rejects the picture.
        soundness: the probability that its form is sound, 0..1; None: no critic knows.
        preference: a critic's answer on a scale of its own, more is better; None: no such critic.
    """

    image_id: str
    rubric: str
    decision: Decision
    total: int
    criteria: str
    hard_failures: tuple[str, ...]
    soundness: float | None
    preference: float | None
    judged_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class ReviewedVerdict:
    """The rubric's verdict on a picture that a person has reviewed."""

    decision: Decision
    total: int
    criteria: str
    hard_failures: tuple[str, ...]
    rejected: bool
    """By the person."""


@dataclass(frozen=True, slots=True)
class ToReview:
    """A wanted picture without a review; ``decision`` is the rubric's.

    ``products`` is how many products it stands for, ``product_id`` the first of them.
    """

    image_id: str
    product_id: str
    view: str
    total: int
    criteria: str
    decision: Decision
    products: int


@dataclass(frozen=True, slots=True)
class Review:
    """A person's decision about a picture; of two, the one with the higher ``seq`` counts."""

    seq: int
    image_id: str
    decision: PersonsDecision
    reviewer: str
    note: str
    reviewed_at: datetime


#: Of rows of ``lineage`` in a common table ``waiting``, with today's products beside them.
_TO_REVIEW: Final = f""", {asking("waiting")}
    SELECT image_id, asking.product_id, view, total, criteria, decision, asking.products
    FROM waiting JOIN asking USING (look_id)
"""


def unjudged(
    connection: DuckDBPyConnection, rubric: str, scorer: str, shards: Collection[int] | None
) -> list[ToJudge]:
    """Pictures that this scorer has seen and that need this rubric's verdict on its score.

    Only those that active products ask for, by view and product. A picture that this rubric judged
    before another did is judged again, since only the newest verdict counts; so is one that was
    scored again since.
    """
    rows = connection.execute(
        f"""
        WITH waiting AS (
            SELECT ledger.* FROM ledger
            ANTI JOIN (
                SELECT verdict.image_id FROM newest_verdicts AS verdict
                JOIN scores ON scores.image_id = verdict.image_id AND scores.scorer = $scorer
                WHERE rubric = $rubric AND verdict.seq > scores.seq
            ) AS judged ON judged.image_id = ledger.recipe_id
            WHERE ledger.status = 'made'
        ), {asking("waiting")}
        SELECT recipe_id, asking.product_id, view, candidate, attempt, recipes.recipe,
            coalesce(environments.environment_id, ''), scores.similarity, scores.margin,
            scores.embedding, scores.signals, scores.lookers
        FROM waiting JOIN asking USING (look_id)
        JOIN images ON images.image_id = recipe_id
        JOIN scores ON scores.image_id = recipe_id AND scores.scorer = $scorer
        JOIN recipes USING (recipe_id)
        LEFT JOIN environments ON environments.environment_id = images.environment_id
        ORDER BY view, asking.product_id, candidate, attempt
        """,
        {"scorer": scorer, "rubric": rubric, "shards": shard_list(shards)},
    ).fetchall()
    return [to_judge(row) for row in rows]


def save_verdicts(connection: DuckDBPyConnection, rows: Sequence[VerdictRow]) -> None:
    """Save verdicts, replacing the same rubric's earlier verdict on a picture."""
    if not rows:
        return
    with registered_rows(connection, "verdicts_to_save", VerdictRow, rows):
        # The number is asked for here: a row that is replaced would keep the one it had.
        connection.execute(
            """
            INSERT OR REPLACE INTO verdicts BY NAME
            SELECT *, nextval('seq') AS seq FROM verdicts_to_save
            """
        )


def save_review(
    connection: DuckDBPyConnection,
    image_id: str,
    decision: PersonsDecision,
    *,
    reviewer: str,
    note: str,
    now: datetime,
) -> int:
    """Save a person's review of a picture, and return its number; the newest review counts."""
    insert_row(
        connection,
        "reviews",
        {
            "image_id": image_id,
            "decision": decision,
            "reviewer": reviewer,
            "note": note,
            "reviewed_at": now,
        },
    )
    (seq,) = only_row(connection.execute("SELECT max(seq) FROM reviews"))
    return int(seq)


def withdraw_review(connection: DuckDBPyConnection, seq: int, reviewer: str) -> bool:
    """Delete a review, by its number and by the person who made it; False if there is none.

    The review before it, if any, counts again.
    """
    row = first_row(
        connection.execute("DELETE FROM reviews WHERE seq = ? AND reviewer = ?", [seq, reviewer])
    )
    return bool(row and row[0])


def newest_review(connection: DuckDBPyConnection, image_id: str) -> Review | None:
    """The review of a picture that counts; None: nobody has decided about it."""
    row = first_row(
        connection.execute(
            f"""
            SELECT {columns_of(Review)} FROM reviews WHERE image_id = ? ORDER BY seq DESC LIMIT 1
            """,
            [image_id],
        )
    )
    return None if row is None else Review(*row)


def reviews_since(connection: DuckDBPyConnection, seq: int) -> list[Review]:
    """The reviews with a higher number, the oldest first."""
    rows = connection.execute(
        f"SELECT {columns_of(Review)} FROM reviews WHERE seq > ? ORDER BY seq", [seq]
    ).fetchall()
    return [Review(*row) for row in rows]


def reviewed_verdicts(connection: DuckDBPyConnection, rubric: str) -> list[ReviewedVerdict]:
    """This rubric's verdicts on all reviewed pictures, with the newest review."""
    rows = connection.execute(
        """
        SELECT verdicts.decision, total, criteria, hard_failures, review.decision = 'rejected'
        FROM verdicts JOIN newest_reviews AS review USING (image_id)
        WHERE rubric = $rubric ORDER BY image_id
        """,
        {"rubric": rubric},
    ).fetchall()
    return [
        ReviewedVerdict(decision, total, criteria, tuple(hard), rejected)
        for decision, total, criteria, hard, rejected in rows
    ]


def reviewed_pictures(connection: DuckDBPyConnection, scorer: str) -> list[ReviewedPicture]:
    """All reviewed pictures that this scorer has seen, with the newest review."""
    rows = connection.execute(
        """
        SELECT image_id, prompts.product_id, score.embedding, score.signals, score.lookers,
            review.decision = 'rejected'
        FROM newest_reviews AS review
        JOIN newest_scores AS score USING (image_id)
        JOIN ledger ON ledger.recipe_id = image_id
        JOIN prompts USING (prompt_id)
        WHERE score.scorer = $scorer
        ORDER BY image_id
        """,
        {"scorer": scorer},
    ).fetchall()
    return [
        ReviewedPicture(image_id, product_id, np.array(embedding, np.float32), *rest)
        for image_id, product_id, embedding, *rest in rows
    ]


def unreviewed(
    connection: DuckDBPyConnection, limit: int, stuck: Iterable[str] = ()
) -> list[ToReview]:
    """Wanted pictures that wait for review, the best first.

    Args:
        limit: how many, at most.
        stuck: ids of looks whose pictures were all rejected; their best one is included.
    """
    rows = connection.execute(
        f"""
        WITH waiting AS (
            FROM lineage
            WHERE still_wanted AND reviewer IS NULL AND (
                decision = 'review'
                OR decision = 'rejected' AND look_id IN (SELECT unnest($stuck::VARCHAR[]))
            )
            QUALIFY decision = 'review' OR 1 = row_number() OVER (
                PARTITION BY look_id, decision ORDER BY total DESC, image_id
            )
        )
        {_TO_REVIEW}
        ORDER BY total DESC, product_id, view, image_id LIMIT $limit
        """,
        {"limit": limit, "stuck": list(stuck), "shards": None},
    ).fetchall()
    return [ToReview(*row) for row in rows]


def sample_to_label(connection: DuckDBPyConnection, count: int) -> list[ToReview]:
    """A sample of all judged pictures without a review, whatever the rubric decided.

    Ids are hashes, so that the first of them are a random choice, and the same one every time.
    """
    rows = connection.execute(
        f"""
        WITH waiting AS (
            FROM lineage
            WHERE still_wanted AND reviewer IS NULL AND rubric_decision IS NOT NULL
            ORDER BY image_id LIMIT $count
        )
        {_TO_REVIEW}
        ORDER BY image_id
        """,
        {"count": count, "shards": None},
    ).fetchall()
    return [ToReview(*row) for row in rows]


def to_judge(row: tuple[Any, ...]) -> ToJudge:
    """A picture from the columns of ``unjudged``."""
    image_id, product_id, view, candidate, attempt, recipe, *rest = row
    environment_id, similarity, margin, embedding, signals, lookers = rest
    return ToJudge(
        image_id=image_id,
        product_id=product_id,
        view=view,
        candidate=candidate,
        attempt=attempt,
        recipe=Recipe.model_validate_json(recipe),
        environment_id=environment_id,
        similarity=similarity,
        margin=margin,
        embedding=np.asarray(embedding, dtype=np.float32),
        signals=signals,
        lookers=lookers,
    )
