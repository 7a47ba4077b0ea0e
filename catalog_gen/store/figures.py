"""Figures over the whole store that planning and summaries ask for. Reads only."""

from duckdb import DuckDBPyConnection


def seconds_by_view(connection: DuckDBPyConnection) -> dict[str, float]:
    """The median drawing time of a picture, in seconds, by view; views never drawn are absent.

    Over each view's newest 1,000 pictures: machines and settings change.
    """
    rows = connection.execute(
        """
        SELECT view, median(seconds) FROM (
            SELECT ledger.view, images.seconds
            FROM images JOIN ledger ON ledger.recipe_id = images.image_id
            QUALIFY row_number() OVER (PARTITION BY ledger.view ORDER BY created_at DESC) <= 1000
        ) GROUP BY view
        """
    ).fetchall()
    return dict(rows)
