"""The figures that people look at: for ``status``, asset checks and summaries. Read-only."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """The newest feed; all zero before the first."""

    rows_read: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """Prompts that are current."""

    prompts: int
    trimmed: int
    unsupported: int


@dataclass(frozen=True, slots=True)
class VerdictFigures:
    """The newest rubric's verdicts on images of current prompts."""

    accepted: int
    review: int
    rejected: int

    @property
    def judged(self) -> int:
        return self.accepted + self.review + self.rejected


@dataclass(frozen=True, slots=True)
class CoverageFigures:
    """Active products, and those of them with a live image."""

    active: int
    live: int
    images: int
    open_failures: int
    given_up: int


def feed_figures(connection: DuckDBPyConnection) -> FeedFigures:
    """What the newest feed held."""
    row = connection.execute(
        "SELECT rows_read, accepted, rejected FROM feed_snapshots ORDER BY read_at DESC LIMIT 1"
    ).fetchone()
    return FeedFigures(*row) if row else FeedFigures(0, 0, 0)


def prompt_figures(connection: DuckDBPyConnection) -> PromptFigures:
    """How many prompts are current, and how many of them were trimmed or can't be drawn."""
    return PromptFigures(
        *_one(
            connection,
            """
            SELECT count(*), count(*) FILTER (len(dropped) > 0),
                   count(*) FILTER (unsupported <> '')
            FROM prompts WHERE current
            """,
        )
    )


def verdict_figures(connection: DuckDBPyConnection) -> VerdictFigures:
    """How the images of current prompts were judged by the rubric that judged last."""
    return VerdictFigures(
        *_one(
            connection,
            """
            SELECT count(*) FILTER (decision = 'accepted'), count(*) FILTER (decision = 'review'),
                   count(*) FILTER (decision = 'rejected')
            FROM verdicts
            JOIN ledger ON ledger.recipe_id = verdicts.image_id
            JOIN prompts USING (prompt_id)
            WHERE prompts.current
              AND rubric = (SELECT arg_max(rubric, judged_at) FROM verdicts)
            """,
        )
    )


def coverage_figures(connection: DuckDBPyConnection) -> CoverageFigures:
    """How much of the active catalog has a picture, and what stands open."""
    return CoverageFigures(
        *_one(
            connection,
            """
            WITH active AS (SELECT product_id FROM products WHERE retired_at IS NULL),
                 live AS (SELECT * FROM publication_items WHERE until IS NULL),
                 trouble AS (
                     SELECT status FROM ledger JOIN prompts USING (prompt_id)
                     WHERE prompts.current AND status IN ('failed', 'given up')
                 )
            SELECT (SELECT count(*) FROM active),
                   (SELECT count(*) FROM active SEMI JOIN live USING (product_id)),
                   (SELECT count(*) FROM live),
                   (SELECT count(*) FROM trouble WHERE status = 'failed'),
                   (SELECT count(*) FROM trouble WHERE status = 'given up')
            """,
        )
    )


def seconds_by_view(connection: DuckDBPyConnection) -> dict[str, float]:
    """The median drawing time of a picture by view, in seconds, over the last 1,000 of each."""
    rows = connection.execute(
        """
        SELECT view, median(seconds) FROM (
            SELECT ledger.view, images.seconds,
                   row_number() OVER (PARTITION BY ledger.view ORDER BY created_at DESC) AS place
            FROM images JOIN ledger ON ledger.recipe_id = images.image_id
        ) WHERE place <= 1000 GROUP BY view
        """
    ).fetchall()
    return {view: float(seconds) for view, seconds in rows}


def _one(connection: DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None  # an aggregate without GROUP BY always has a row
    return tuple(int(value) for value in row)
