"""Durable file operations: a rename is durable only once its folder is synced, too."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

from catalog_gen.store.unfinished import sweep, unfinished_file

#: Files that are synced at the same time: the file system's journal combines them.
_SYNCING: Final = 8


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it: readers see the old file or the new one.

    The file is not synced, so use this only for content that can be written again.
    """
    with unfinished_file(path.parent) as (stream, partial):
        stream.write(content)
        give_name(stream, partial, path)


def give_name(stream: IO[bytes], partial: Path, path: Path) -> None:
    """Rename an unfinished file that is written completely, as ``write_whole`` does."""
    stream.flush()
    partial.chmod(0o644)
    partial.replace(path)


def served_folder(path: Path) -> None:
    """Create a folder whose files a web server can read, under a umask of 077, too.

    What killed processes left unfinished in it is deleted.
    """
    readable_folder(path)
    sweep(path)


def readable_folder(path: Path) -> None:
    """The same for a folder in which nothing is ever unfinished; it is not gone through."""
    path.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode
    if mode & 0o755 != 0o755:
        path.chmod(mode | 0o755)


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    _sync(path, os.O_RDONLY)


def put_in_place(files: Sequence[tuple[Path, Path]]) -> None:
    """Give written files their names: sync all, rename all, sync the folders that they are in now.

    Each is a pair of the file and its target; a crash leaves the old target or the new one.
    """
    with ThreadPoolExecutor(_SYNCING, "sync") as threads:
        list(threads.map(sync_file, (written for written, _ in files)))
    for written, target in files:
        written.replace(target)
    for folder in {target.parent for _, target in files}:
        sync_folder(folder)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk: files created, renamed and removed in it."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
