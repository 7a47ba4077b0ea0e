"""Figures over the whole store for plans, checks and summaries. Read-only."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.recipe import Recipe
from catalog_gen.store.live_products import SHOWN_ITEMS
from catalog_gen.store.relations import first_row, only_row


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """The newest feed's rows; all 0 before the first."""

    rows_read: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """Current prompts of active products: all, trimmed, and those that the model can't draw."""

    prompts: int
    trimmed: int
    unsupported: int


@dataclass(frozen=True, slots=True)
class LookFigures:
    """Looks that are asked for today, and the products' views that ask for them."""

    wanted: int
    products: int


@dataclass(frozen=True, slots=True)
class VerdictFigures:
    """Pictures that are wanted now, by their newest verdict; a review overrules it."""

    accepted: int
    review: int
    rejected: int

    @property
    def judged(self) -> int:
        """All of them."""
        return self.accepted + self.review + self.rejected


@dataclass(frozen=True, slots=True)
class CoverageFigures:
    """Active products, those with a live picture, live pictures (each once), and what failed."""

    active: int
    live: int
    images: int
    open_failures: int
    given_up: int


@dataclass(frozen=True, slots=True)
class DrawnFigures:
    """Pictures that a run made, and those that failed."""

    generated: int
    failed: int


@dataclass(frozen=True, slots=True)
class MeasuredPace:
    """The median drawing time, in seconds, of one view's pictures with these settings and weights.

    ``work`` is the recipes' pixels times the steps that they run.
    """

    view: str
    settings_hash: str
    model_hash: str
    seconds: float
    work: float


def feed_figures(connection: DuckDBPyConnection) -> FeedFigures:
    """Rows of the feed that was recorded last."""
    row = first_row(
        connection.execute(
            """
        SELECT rows_read, accepted, rejected FROM feed_snapshots
        ORDER BY seq DESC LIMIT 1
        """
        )
    )
    return FeedFigures(0, 0, 0) if row is None else FeedFigures(*row)


def feed_platform(connection: DuckDBPyConnection) -> str:
    """The platform of the feed that was recorded last; '' before the first."""
    row = first_row(
        connection.execute("SELECT platform FROM feed_snapshots ORDER BY seq DESC LIMIT 1")
    )
    return row[0] if row is not None else ""


def prompt_figures(connection: DuckDBPyConnection) -> PromptFigures:
    """Current prompts of active products."""
    row = only_row(
        connection.execute(
            """
        SELECT count(*), count(*) FILTER (len(dropped) > 0), count(*) FILTER (unsupported <> '')
        FROM current_prompts
        """
        )
    )
    return PromptFigures(*row)


def look_figures(connection: DuckDBPyConnection) -> LookFigures:
    """The number of looks, and of active products' views that ask for them."""
    row = only_row(
        connection.execute("SELECT count(DISTINCT look_id), count(look_id) FROM current_prompts")
    )
    return LookFigures(*row)


def verdict_figures(connection: DuckDBPyConnection) -> VerdictFigures:
    """Decisions on the pictures of current prompts of active products."""
    row = only_row(
        connection.execute(
            """
        WITH decided AS (
            SELECT coalesce(review.decision, verdict.decision) AS decision
            FROM wanted_candidates
            JOIN newest_verdicts AS verdict ON verdict.image_id = recipe_id
            LEFT JOIN newest_reviews AS review ON review.image_id = recipe_id
        )
        SELECT count(*) FILTER (decision = 'accepted'), count(*) FILTER (decision = 'review'),
            count(*) FILTER (decision = 'rejected')
        FROM decided
        """
        )
    )
    return VerdictFigures(*row)


def coverage_figures(connection: DuckDBPyConnection) -> CoverageFigures:
    """How much of the catalog is live, and what could not be drawn."""
    row = only_row(
        connection.execute(
            f"""
        SELECT
            (SELECT count(*) FROM active_products),
            (SELECT count(DISTINCT product_id) FROM {SHOWN_ITEMS}),
            (SELECT count(DISTINCT image_id) FROM live_items),
            (SELECT count(*) FROM open_failures WHERE status = 'failed'),
            (SELECT count(*) FROM open_failures WHERE status = 'given up')
        """
        )
    )
    return CoverageFigures(*row)


def drawn_in_run(connection: DuckDBPyConnection, run_id: str) -> DrawnFigures:
    """What a run drew and failed to draw, over all tries of its steps."""
    row = only_row(
        connection.execute(
            """
            SELECT (SELECT count(*) FROM images WHERE run_id = $run_id),
                (SELECT count(*) FROM ledger
                    WHERE run_id = $run_id AND status IN ('failed', 'given up'))
            """,
            {"run_id": run_id},
        )
    )
    return DrawnFigures(*row)


def drawing_pace(connection: DuckDBPyConnection) -> list[MeasuredPace]:
    """Drawing times of the newest 5,000 pictures by view, settings and model.

    Only the newest count, since machines and settings change.
    """
    rows = connection.execute(
        """
        SELECT prompts.view, prompts.spec ->> 'settings', prompts.spec ->> 'model',
            median(drawn.seconds), any_value(recipe)
        FROM (
            SELECT image_id, prompt_id, seconds FROM images
            ORDER BY seq DESC LIMIT 5000
        ) AS drawn
        JOIN prompts USING (prompt_id)
        JOIN recipes ON recipe_id = image_id
        WHERE prompts.reason <> 'experiment'  -- their settings are not the view's
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    return [
        MeasuredPace(*(*facts, Recipe.model_validate_json(recipe).work)) for *facts, recipe in rows
    ]


def seconds_a_step(connection: DuckDBPyConnection, model_hash: str) -> float | None:
    """Seconds per pixel and step of a model's newest 500 pictures; None: it has drawn none."""
    rows = connection.execute(
        """
        SELECT recipe, seconds FROM images JOIN recipes ON recipe_id = image_id
        WHERE model_hash = ? ORDER BY seq DESC LIMIT 500
        """,
        [model_hash],
    ).fetchall()
    work = sum(Recipe.model_validate_json(recipe).work for recipe, _ in rows)
    return sum(seconds for _, seconds in rows) / work if work else None


def seconds_a_picture(connection: DuckDBPyConnection) -> float | None:
    """The mean drawing time of the newest 5,000 pictures, in seconds; None if there are none."""
    row = only_row(
        connection.execute(
            """
            SELECT avg(seconds) FROM (
                SELECT seconds FROM images ORDER BY seq DESC LIMIT 5000
            )
            """
        )
    )
    return None if row[0] is None else float(row[0])
