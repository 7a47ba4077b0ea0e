"""Runs: when a refresh began and ended, and the figures that its stages recorded.

Run ids are Dagster's.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from catalog_gen.fingerprint import canonical_json
from catalog_gen.store.relations import columns_of, first_row, insert_row

#: How a run can end: done, stopped by a fault, or interrupted by a person or a crash.
Ending = Literal["succeeded", "failed", "interrupted"]
RunStatus = Literal["started", Ending]


@dataclass(frozen=True, slots=True)
class Run:
    """One run; ``finished_at`` is None while it runs, or if it died.

    ``job`` is the Dagster job, ``launched_by`` who or what started it, and ``error`` why it failed
    or was interrupted; all three are '' if unknown.
    """

    run_id: str
    job: str
    launched_by: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    error: str
    summary: dict[str, Any]


def start_run(
    connection: DuckDBPyConnection,
    run_id: str,
    now: datetime,
    *,
    job: str = "",
    launched_by: str = "",
) -> None:
    """Record that a run has begun; a known run is left as it is."""
    insert_row(
        connection,
        "runs",
        {
            "run_id": run_id,
            "job": job,
            "launched_by": launched_by,
            "started_at": now,
            "status": "started",
            "summary": "{}",
        },
        unless_known=True,
    )


def note_figures(
    connection: DuckDBPyConnection,
    run_id: str,
    section: str,
    figures: Mapping[str, object],
    now: datetime,
) -> None:
    """Add figures to a section of a run's summary, replacing earlier ones of the same name.

    Records the run first if it is unknown.
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
    status: Ending,
    now: datetime,
    *,
    error: str = "",
    job: str = "",
    launched_by: str = "",
) -> None:
    """Record how a run has ended, and why if it did not succeed.

    A known ``job`` or ``launched_by`` is kept.
    """
    start_run(connection, run_id, now, job=job, launched_by=launched_by)
    connection.execute(
        """
        UPDATE runs SET finished_at = $now, status = $status, error = $error,
            job = coalesce(nullif(job, ''), $job),
            launched_by = coalesce(nullif(launched_by, ''), $launched_by)
        WHERE run_id = $run_id
        """,
        {
            "now": now,
            "status": status,
            "error": error,
            "job": job,
            "launched_by": launched_by,
            "run_id": run_id,
        },
    )


def unfinished_runs(connection: DuckDBPyConnection) -> list[str]:
    """The ids of runs without a recorded end, the earliest first."""
    rows = connection.execute(
        "SELECT run_id FROM runs WHERE status = 'started' ORDER BY seq"
    ).fetchall()
    return [run_id for (run_id,) in rows]


def undescribed_runs(connection: DuckDBPyConnection) -> set[str]:
    """The ids of runs whose job is not recorded."""
    rows = connection.execute("SELECT run_id FROM runs WHERE job = ''").fetchall()
    return {run_id for (run_id,) in rows}


def run_statuses(connection: DuckDBPyConnection, run_ids: Collection[str]) -> dict[str, RunStatus]:
    """The recorded statuses of these runs, by id; unknown runs are left out."""
    rows = connection.execute(
        "SELECT run_id, status FROM runs WHERE list_contains(?, run_id)", [list(run_ids)]
    ).fetchall()
    return dict(rows)


def run_summary(connection: DuckDBPyConnection, run_id: str) -> dict[str, Any]:
    """The figures that a run's stages recorded, by section; empty for an unknown run."""
    row = first_row(connection.execute("SELECT summary FROM runs WHERE run_id = ?", [run_id]))
    summary: dict[str, Any] = {} if row is None else json.loads(row[0])
    return summary


def runs_like(connection: DuckDBPyConnection, start: str) -> list[Run]:
    """The runs whose id begins with ``start``, the newest first."""
    result = connection.execute(
        f"SELECT {columns_of(Run)} FROM runs WHERE starts_with(run_id, ?) ORDER BY seq DESC",
        [start],
    )
    return _runs(result)


def last_runs(connection: DuckDBPyConnection, limit: int) -> list[Run]:
    """The newest runs, the newest first."""
    result = connection.execute(
        f"SELECT {columns_of(Run)} FROM runs ORDER BY seq DESC LIMIT ?", [limit]
    )
    return _runs(result)


def _runs(result: DuckDBPyConnection) -> list[Run]:
    return [Run(*(*facts, json.loads(summary))) for *facts, summary in result.fetchall()]
