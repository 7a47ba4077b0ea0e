"""Results of drawing images again, and which images to draw again next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import registered_rows


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """The result of drawing one image again. ``max_abs_diff`` is None if it was not drawn."""

    image_id: str
    result: str
    max_abs_diff: int | None
    causes: tuple[str, ...]
    environment_changed: tuple[str, ...]
    problem: str


def save_replays(
    connection: DuckDBPyConnection, rows: Sequence[ReplayRow], *, run_id: str, now: datetime
) -> None:
    """Save a night's replays; a retried step overwrites its own."""
    connection.execute("DELETE FROM replays WHERE run_id = ?", [run_id])
    with registered_rows(connection, "replays_to_save", ReplayRow, rows):
        connection.execute(
            """
            INSERT INTO replays BY NAME
            SELECT *, $now AS replayed_at, $run_id AS run_id FROM replays_to_save
            """,
            {"now": now, "run_id": run_id},
        )


def next_to_replay(connection: DuckDBPyConnection, limit: int) -> list[str]:
    """Images that were never replayed, then those whose last replay is longest ago.

    Ties are broken by id; ids are hashes, so this samples views, nights and shards fairly.
    """
    rows = connection.execute(
        """
        SELECT image_id FROM images
        SEMI JOIN recipes ON recipes.recipe_id = images.image_id
        LEFT JOIN (
            SELECT image_id, max(seq) AS last FROM replays GROUP BY image_id
        ) AS replayed USING (image_id)
        ORDER BY last NULLS FIRST, image_id LIMIT ?
        """,
        [limit],
    ).fetchall()
    return [image_id for (image_id,) in rows]


def unexplained_drift(connection: DuckDBPyConnection) -> list[str]:
    """Images that differed in the last audit although the environment had not changed."""
    rows = connection.execute(
        """
        SELECT image_id FROM drift
        WHERE run_id = (SELECT arg_max(run_id, seq) FROM replays)
            AND list_contains(causes, 'unexplained')
        ORDER BY image_id
        """
    ).fetchall()
    return [image_id for (image_id,) in rows]
