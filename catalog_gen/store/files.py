"""Make file operations last: a rename is safe only when its folder is synced, too."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to the disk: what was made, renamed and removed in it."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
