"""Keep pictures in place while they are copied.

Copying takes the lock shared; deleting and moving take it exclusively.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from catalog_gen.errors import StoreBusyError
from catalog_gen.home import Home


@contextmanager
def pictures_lock(home: Home, *, alone: bool = False) -> Iterator[None]:
    """Hold the lock while the block runs; it dies with its process.

    Raises:
        StoreBusyError: another process copies, moves or deletes pictures.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    path = home.root / "pictures.lock"
    with path.open("w") as stream:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(
                str(path),
                "another process copies, moves or deletes pictures",
                "Wait until the backup, move or refresh has ended, and run again.",
            ) from None
        yield
