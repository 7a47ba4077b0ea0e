"""Measurements of pictures that were made before scoring, which uses them.

Losing a row only costs time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import registered_rows


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """The measurements of a picture, and what they were made against, both as JSON."""

    image_id: str
    against: str
    signals: str


def save_measurements(connection: DuckDBPyConnection, rows: Sequence[MeasurementRow]) -> None:
    """Store measurements until the pictures are scored."""
    if rows:
        with registered_rows(connection, "measured_rows", MeasurementRow, rows):
            connection.execute("INSERT OR REPLACE INTO measurements BY NAME FROM measured_rows")


def measurements(
    connection: DuckDBPyConnection, image_ids: Sequence[str]
) -> dict[str, MeasurementRow]:
    """The measurements of these pictures, by image id; missing ones are absent."""
    rows = connection.execute(
        """
        SELECT image_id, against, signals FROM measurements
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))
        """,
        {"ids": list(image_ids)},
    ).fetchall()
    return {image_id: MeasurementRow(image_id, *rest) for image_id, *rest in rows}


def forget_measurements(connection: DuckDBPyConnection, image_ids: Sequence[str]) -> None:
    """Delete the measurements of pictures whose scores now contain them."""
    connection.execute(
        "DELETE FROM measurements WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))",
        {"ids": list(image_ids)},
    )


def asked_by(
    connection: DuckDBPyConnection, prompt_ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    """What these prompts ask for: value by attribute."""
    rows = connection.execute(
        "SELECT prompt_id, asked FROM prompts WHERE prompt_id IN (SELECT unnest($ids::VARCHAR[]))",
        {"ids": list(prompt_ids)},
    ).fetchall()
    return dict(rows)
