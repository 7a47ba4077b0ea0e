"""What a night did, for its summary: pictures by reason, what went live, drift, usual cost."""

from dataclasses import dataclass
from statistics import median
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import first_row, only_row

#: The job whose runs are nights.
NIGHTLY: Final = "nightly_refresh"
#: Number of earlier nights that define what is usual.
_NIGHTS: Final = 7


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture for a summary, and the product that it is of."""

    image_id: str
    product_id: str
    title: str
    view: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The numbers of products' views whose picture came or went with a run's publication."""

    added: int
    removed: int


def last_night(connection: DuckDBPyConnection) -> str | None:
    """The id of the newest night; None before the first."""
    row = first_row(
        connection.execute(
            "SELECT run_id FROM runs WHERE job = ? ORDER BY seq DESC LIMIT 1", [NIGHTLY]
        )
    )
    return None if row is None else str(row[0])


def drawn_reasons(connection: DuckDBPyConnection, run_id: str) -> dict[str, int]:
    """How many pictures a run drew for each reason, the most frequent first."""
    rows = connection.execute(
        """
        SELECT ledger.reason, count(*) AS pictures
        FROM images JOIN ledger ON ledger.recipe_id = images.image_id
        WHERE images.run_id = ? GROUP BY ALL ORDER BY pictures DESC, ledger.reason
        """,
        [run_id],
    ).fetchall()
    return dict(rows)


def moved_in_run(connection: DuckDBPyConnection, run_id: str) -> Moved:
    """What the run's publication changed; nothing if it published none."""
    row = only_row(
        connection.execute(
            """
            SELECT coalesce(sum(added), 0)::BIGINT, coalesce(sum(removed), 0)::BIGINT
            FROM publication_log WHERE run_id = ?
            """,
            [run_id],
        )
    )
    return Moved(*row)


def gone_live(connection: DuckDBPyConnection, run_id: str, limit: int) -> list[ShownPicture]:
    """Pictures that went live with a run, each once, in the order of ids."""
    rows = connection.execute(
        """
        SELECT image_id, min(product_id), arg_min(title, product_id), any_value(view)
        FROM live_images JOIN publications USING (publication_id)
        JOIN images USING (image_id)
        WHERE publications.run_id = $run_id AND dropped_at IS NULL
        GROUP BY image_id ORDER BY image_id LIMIT $limit
        """,
        {"run_id": run_id, "limit": limit},
    ).fetchall()
    return [ShownPicture(*row) for row in rows]


def usual_drawing(connection: DuckDBPyConnection, run_id: str) -> float | None:
    """The median drawing time of the nights before a run that drew, in seconds; None: none did."""
    rows = connection.execute(
        """
        SELECT (summary -> 'seconds' ->> 'generate')::DOUBLE AS seconds FROM runs
        WHERE job = $job AND status = 'succeeded' AND seconds > 0
            AND seq < coalesce((SELECT seq FROM runs WHERE run_id = $run_id), 0)
        ORDER BY seq DESC LIMIT $nights
        """,
        {"job": NIGHTLY, "run_id": run_id, "nights": _NIGHTS},
    ).fetchall()
    return median(seconds for (seconds,) in rows) if rows else None


def replayed_before(
    connection: DuckDBPyConnection, run_id: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Results, and causes of drift, of the audits between the night before and the end of a run."""
    since = """
        FROM replays WHERE seq > coalesce((
            SELECT max(seq) FROM runs
            WHERE job = $job AND seq < (SELECT seq FROM runs WHERE run_id = $run_id)
        ), 0)
    """
    parameters = {"job": NIGHTLY, "run_id": run_id}
    results = connection.execute(
        f"SELECT result, count(*) AS n {since} GROUP BY ALL ORDER BY n DESC, result", parameters
    ).fetchall()
    causes = connection.execute(
        f"""
        SELECT cause, count(*) AS n FROM (SELECT unnest(causes) AS cause {since})
        GROUP BY ALL ORDER BY n DESC, cause
        """,
        parameters,
    ).fetchall()
    return dict(results), dict(causes)
