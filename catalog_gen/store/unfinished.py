"""Files and folders that are being written, and the leftovers of killed processes.

They are hidden, locked (flock) by the process that writes them, and renamed into place when they
are complete. The lock dies with the process, so an unlocked one is a leftover, whatever its age or
the clock. On a file system without locks nothing is deleted.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

_PREFIX: Final = ".catalog-gen-"
_SUFFIX: Final = ".partial"
_NAME: Final = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``; what is left in it at the end of the block is deleted.

    First, leftovers of dead processes in ``parent`` are deleted.

    Raises:
        OSError: ``parent`` can't be written, or the disk is full.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder, lock = _new_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def unfinished_file(parent: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A new file in ``parent``, open for writing; deleted at the end unless it was renamed.

    Raises:
        OSError: ``parent`` can't be written, or the disk is full.
    """
    handle, path = _new_file(parent)
    with os.fdopen(handle, "wb") as stream:
        try:
            yield stream, path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def abandoned(folder: Path) -> list[Path]:
    """The leftovers of dead processes in a folder."""
    found: list[Path] = []
    for path in _unfinished(folder):
        with _claimed(path) as free:
            if free:
                found.append(path)
    return found


def sweep(folder: Path) -> None:
    """Delete the leftovers of dead processes in a folder."""
    for path in _unfinished(folder):
        with _claimed(path) as free, suppress(OSError):
            if free and path.is_dir():
                shutil.rmtree(path)
            elif free:
                path.unlink()


def _unfinished(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []  # there is no such folder, or it can't be read


def _new_folder(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=parent))
        with suppress(FileNotFoundError):  # swept before it was locked
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _is_locked(handle, path):
                return path, handle


def _new_file(parent: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=parent)
        path = Path(name)
        if _is_locked(handle, path):
            return handle, path


def _is_locked(handle: int, path: Path) -> bool:
    """Lock it; False, and it is closed, if it was swept before it was locked."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    if path.exists():
        return True
    os.close(handle)
    return False


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Whether nobody holds it; for the block, this process does then."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield False  # just renamed, or someone else's
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield free
    finally:
        os.close(handle)
