"""A file lock per active run, which dies with the run's process.

However a run is launched, its process holds the lock from before its first stage until its end, so
a lock file that no process holds belongs to a run that died.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from catalog_gen.home import Home

#: The locks of this process: held first by the command that runs a job, then by its resources.
_held: Final[set[Path]] = set()


@contextmanager
def run_lock(home: Home, run_id: str) -> Iterator[None]:
    """Hold the run's lock for the block; if nested in one process, the outer block holds it.

    The file is removed at the end of the block, but not on an exception: the run's end is not
    recorded then, and the next refresh has to do it.
    """
    path = _lock_of(home, run_id)
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
        path.unlink(missing_ok=True)


def is_alive(home: Home, run_id: str) -> bool:
    """Whether a process holds the run's lock."""
    path = _lock_of(home, run_id)
    return path.exists() and not _is_abandoned(path)


def dead_runs(home: Home) -> list[str]:
    """The ids of runs whose process ended before they did."""
    return [path.name for path in sorted(_folder(home).glob("*")) if _is_abandoned(path)]


def forget(home: Home, run_id: str) -> None:
    """Remove the lock of a run that died, once its end is recorded."""
    _lock_of(home, run_id).unlink(missing_ok=True)


def _folder(home: Home) -> Path:
    return home.dagster / "alive"


def _lock_of(home: Home, run_id: str) -> Path:
    return _folder(home) / run_id


def _is_abandoned(path: Path) -> bool:
    """Whether the lock is there and nobody holds it."""
    if path in _held:
        return False
    try:
        with path.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its run may have ended, and removed it, between our opening it and locking it.
            return path.exists()
    except (FileNotFoundError, BlockingIOError):
        return False
