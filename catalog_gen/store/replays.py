"""Images that were drawn again, and what came of it; which ones to draw again next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import registered_rows


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """What came of drawing one image again. ``max_abs_diff`` is None if it was not drawn."""

    image_id: str
    result: str
    max_abs_diff: int | None
    causes: tuple[str, ...]
    environment_changed: tuple[str, ...]
    problem: str


def save_replays(
    connection: DuckDBPyConnection, rows: Sequence[ReplayRow], *, run_id: str, now: datetime
) -> None:
    """Keep a night's replays; a step that is tried again writes over its own."""
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
    """Images never replayed first, then those whose replay is longest ago.

    Among equals their ids decide, which are hashes: a fair sample over views, nights and shards.
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
    """Images that came out otherwise in the last audit, with nothing of the environment changed."""
    rows = connection.execute(
        """
        SELECT image_id FROM drift
        WHERE run_id = (SELECT arg_max(run_id, seq) FROM replays)
            AND list_contains(causes, 'unexplained')
        ORDER BY image_id
        """
    ).fetchall()
    return [image_id for (image_id,) in rows]
