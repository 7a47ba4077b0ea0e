"""Cache the SHA-256 of large files by path, size and times, so that each is read only once.

Losing the cache only costs time, so a damaged one is refilled. A change that keeps a file's size
and both times goes unnoticed; that takes a change of the clock.
"""

import json
from pathlib import Path

from catalog_gen.fingerprint import sha256_file
from catalog_gen.store.files import write_whole


class HashCache:
    """A cache of file hashes in one small JSON file, or in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _read(path)
        self._changed = False

    def sha256(self, file: Path) -> str:
        """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
        stat = file.stat()
        # Includes the change time, which, unlike the modification time, is not easily set back.
        stamp = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
        entry = self._known.get(str(file.absolute()))
        if entry is not None and entry[0] == stamp:
            return entry[1]
        digest = sha256_file(file)
        self._known[str(file.absolute())] = (stamp, digest)
        self._changed = True
        return digest

    def save(self) -> None:
        """Write new hashes atomically, if the folder exists.

        Read-only commands such as ``plan`` must not create it; the others already have.
        """
        if self._path is None or not self._changed or not self._path.parent.is_dir():
            return
        write_whole(self._path, json.dumps(self._known, indent=1, sort_keys=True).encode())
        self._changed = False


def _read(path: Path) -> dict[str, tuple[str, str]]:
    try:
        raw = json.loads(path.read_text("utf-8"))
        return {str(name): (str(stamp), str(digest)) for name, (stamp, digest) in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
