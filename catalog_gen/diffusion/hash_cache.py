"""SHA-256 of large files, remembered by path, size and times, so that each is read only once.

Losing the cache costs time and nothing else, so a damaged one is simply filled again. It does not
notice a change that keeps a file's size and both of its times, which takes a change of the clock.
"""

import json
from pathlib import Path

from catalog_gen.fingerprint import sha256_file
from catalog_gen.store.files import write_whole


class HashCache:
    """The hashes of files in one small JSON file; without a file, in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _read(path)
        self._changed = False

    def sha256(self, file: Path) -> str:
        """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
        stat = file.stat()
        # The change time, too: a modification time is easily set back, a change time is not.
        stamp = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
        entry = self._known.get(str(file.absolute()))
        if entry is not None and entry[0] == stamp:
            return entry[1]
        digest = sha256_file(file)
        self._known[str(file.absolute())] = (stamp, digest)
        self._changed = True
        return digest

    def save(self) -> None:
        """Write what was learned; whole or not at all. A folder that isn't there stays so.

        Whoever only looks (``plan``) makes no folder; whoever works has made it before.
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
