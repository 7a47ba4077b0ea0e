"""Runs whose process died: told as failed, in Dagster and in the store, and their slots freed.

A run in the command's own process holds a file lock as long as it lives; the lock dies with its
process, whatever killed that. Runs that Dagster's daemon launched are left to its own monitor.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dagster as dg

from catalog_gen.errors import StoreBusyError
from catalog_gen.settings import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.runs import finish_run, unfinished_runs

#: Seconds to wait for another process before the runs table is left to the next refresh.
_PATIENCE: Final = 2.0


@contextmanager
def sign_of_life(home: Home, run_id: str) -> Iterator[None]:
    """Hold the run's lock; take it before the run is recorded, so that nobody thinks it dead."""
    path = _lock_of(home, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)


def dead_runs(home: Home) -> list[str]:
    """The ids of runs whose process ended before they did."""
    return [path.name for path in sorted(_folder(home).glob("*")) if _is_abandoned(path)]


def end_stale_runs(instance: dg.DagsterInstance, home: Home) -> list[str]:
    """Mark dead runs as failed and free their slots; returns their ids.

    Runs that the store still takes for running, while Dagster knows that they have ended, are
    marked there, too. If another process holds the database, the next refresh does that part.

    Raises:
        StoreError: the database can't be used.
    """
    dead = dead_runs(home)
    slots = instance.event_log_storage
    for run_id in dead:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "Its process died; a later refresh went on with it.")
        if slots.supports_global_concurrency_limits:
            slots.free_concurrency_slots_for_run(run_id)
    try:
        _end_in_store(instance, home, dead)
    except StoreBusyError:
        return dead
    for run_id in dead:
        _lock_of(home, run_id).unlink(missing_ok=True)
    return dead


def _end_in_store(instance: dg.DagsterInstance, home: Home, dead: list[str]) -> None:
    store = Store(home, patience=_PATIENCE)
    with store.reading() as connection:
        started = unfinished_runs(connection)
    ended = [run_id for run_id in started if _has_ended(instance, run_id)]
    if not dead and not ended:
        return
    with store.writing() as connection:
        for run_id in {*dead, *ended}:
            finish_run(connection, run_id, "failed", datetime.now(UTC))


def _has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished


def _folder(home: Home) -> Path:
    return home.dagster / "alive"


def _lock_of(home: Home, run_id: str) -> Path:
    return _folder(home) / run_id


def _is_abandoned(path: Path) -> bool:
    """Whether the lock is there and nobody holds it."""
    try:
        with path.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its run may have ended, and removed it, between our opening it and locking it.
            return path.exists()
    except (FileNotFoundError, BlockingIOError):
        return False
