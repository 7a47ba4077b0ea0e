"""The gates that a night's set must pass before it goes live, and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import columns_of, registered_rows

GateName = Literal["coverage", "pass rate", "integrity", "hold"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition for going live: the measured value, its threshold, and both as a sentence."""

    gate: GateName
    passed: bool
    value: float
    threshold: float
    message: str


@dataclass(frozen=True, slots=True)
class NightsGates:
    """The gates of one night; ``publication_id`` is None if the last set stayed live."""

    run_id: str
    decided_at: datetime
    publication_id: int | None
    gates: tuple[Gate, ...]


def save_gates(
    connection: DuckDBPyConnection,
    gates: Sequence[Gate],
    *,
    publication_id: int | None,
    run_id: str,
    now: datetime,
) -> None:
    """Save a night's gates; a retried step overwrites its own."""
    connection.execute("DELETE FROM gates WHERE run_id = ?", [run_id])
    with registered_rows(connection, "gates_to_save", Gate, gates):
        connection.execute(
            """
            INSERT INTO gates BY NAME
            SELECT *, $publication AS publication_id, $run_id AS run_id, $now AS decided_at
            FROM gates_to_save
            """,
            {"publication": publication_id, "run_id": run_id, "now": now},
        )


def last_gates(connection: DuckDBPyConnection) -> NightsGates | None:
    """The gates of the night that decided last; None before the first."""
    rows = connection.execute(
        f"""
        SELECT run_id, decided_at, publication_id, {columns_of(Gate)} FROM gates
        WHERE run_id = (SELECT arg_max(run_id, seq) FROM gates) ORDER BY seq
        """
    ).fetchall()
    if not rows:
        return None
    run_id, decided_at, publication_id = rows[0][:3]
    return NightsGates(run_id, decided_at, publication_id, tuple(Gate(*row[3:]) for row in rows))
