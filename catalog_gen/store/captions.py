"""The captions table: what products' photos show, by photo and captioner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import registered_rows


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One photo's caption, or why it has none."""

    photo_sha256: str
    maker: str
    made_by: str
    text: str
    confidence: float
    pieces: str
    problem: str
    made_at: datetime
    run_id: str


def save_captions(connection: DuckDBPyConnection, rows: Sequence[CaptionRow]) -> None:
    """Store captions; existing ones stay as they are."""
    with registered_rows(connection, "new_captions", CaptionRow, rows):
        connection.execute("INSERT INTO captions BY NAME FROM new_captions ON CONFLICT DO NOTHING")


def known_captions(connection: DuckDBPyConnection, maker: str) -> dict[str, str]:
    """The pieces of a captioner's captions as JSON, by the photo's hash; [] where it has none."""
    rows = connection.execute(
        "SELECT photo_sha256, pieces FROM captions WHERE maker = ?", [maker]
    ).fetchall()
    return dict(rows)
