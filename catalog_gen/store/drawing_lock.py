"""Let one process draw at a time, by a file lock that dies with its process.

The lock belongs to the open file (flock), so that a dead process never leaves it behind; the
process id in the file is only for messages.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog_gen.errors import StoreBusyError
from catalog_gen.home import Home


@contextmanager
def drawing_lock(home: Home, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock for the block.

    Raises:
        StoreBusyError: ``wait`` is off and another process draws.
    """
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise StoreBusyError(
                str(path),
                f"process {_owner(path) or 'unknown'} is drawing",
                "Wait until that refresh has ended, then run this again.",
            ) from error
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def drawing_process(home: Home) -> str | None:
    """The id of the process that draws now, '' if it is unknown, None if no process draws."""
    path = _path(home)
    if not path.exists():
        return None
    with path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _owner(path)
    return None


def _path(home: Home) -> Path:
    return home.root / "drawing.lock"


def _owner(path: Path) -> str:
    return path.read_text("utf-8").strip()
