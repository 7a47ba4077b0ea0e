"""Runs: when a refresh began and ended, and the figures that its stages noted.

The run ids are the orchestrator's; nothing here knows it.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from catalog_gen.fingerprint import canonical_json
from catalog_gen.store.relations import first_row

#: ``interrupted``: ended from outside, by Ctrl-C, on request, or with its process.
EndStatus = Literal["succeeded", "failed", "interrupted"]
RunStatus = Literal["started", EndStatus]


@dataclass(frozen=True, slots=True)
class Run:
    """One refresh; ``finished_at`` is None while it runs, or if it died."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    summary: dict[str, Any]


def start_run(connection: DuckDBPyConnection, run_id: str, now: datetime) -> None:
    """Record that a run has begun; a run that is known already is left as it is."""
    connection.execute(
        "INSERT INTO runs VALUES (?, ?, NULL, 'started', '{}') ON CONFLICT DO NOTHING",
        [run_id, now],
    )


def note_figures(
    connection: DuckDBPyConnection,
    run_id: str,
    section: str,
    figures: Mapping[str, object],
    now: datetime,
) -> None:
    """Add figures to a section of a run's summary, over earlier ones of the same name.

    Starts the run if nobody has.
    """
    start_run(connection, run_id, now)
    summary = run_summary(connection, run_id)
    summary[section] = {**summary.get(section, {}), **figures}
    connection.execute(
        "UPDATE runs SET summary = ? WHERE run_id = ?", [canonical_json(summary), run_id]
    )


def finish_run(
    connection: DuckDBPyConnection,
    run_id: str,
    status: EndStatus,
    now: datetime,
) -> None:
    """Record how a run has ended; its summary is what was noted."""
    start_run(connection, run_id, now)
    connection.execute(
        "UPDATE runs SET finished_at = ?, status = ? WHERE run_id = ?", [now, status, run_id]
    )


def unfinished_runs(connection: DuckDBPyConnection) -> list[str]:
    """The ids of runs that began and have not said how they ended."""
    rows = connection.execute(
        "SELECT run_id FROM runs WHERE status = 'started' ORDER BY run_id"
    ).fetchall()
    return [run_id for (run_id,) in rows]


def run_ends(connection: DuckDBPyConnection, run_ids: Collection[str]) -> dict[str, RunStatus]:
    """What is recorded of these runs, by id; runs that nobody recorded are left out."""
    rows = connection.execute(
        "SELECT run_id, status FROM runs WHERE list_contains(?, run_id)", [list(run_ids)]
    ).fetchall()
    return dict(rows)


def run_summary(connection: DuckDBPyConnection, run_id: str) -> dict[str, Any]:
    """What a run's stages have noted, by section; empty for an unknown run."""
    row = first_row(connection.execute("SELECT summary FROM runs WHERE run_id = ?", [run_id]))
    summary: dict[str, Any] = {} if row is None else json.loads(row[0])
    return summary


def last_runs(connection: DuckDBPyConnection, limit: int) -> list[Run]:
    """The newest runs, the newest first."""
    rows = connection.execute(
        """
        SELECT run_id, started_at, finished_at, status, summary
        FROM runs ORDER BY started_at DESC, run_id LIMIT ?
        """,
        [limit],
    ).fetchall()
    return [
        Run(run_id, started_at, finished_at, status, json.loads(summary))
        for run_id, started_at, finished_at, status, summary in rows
    ]
