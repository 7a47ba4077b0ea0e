"""Which pictures a channel's exports wrote, and what from: ``CHANNEL.pictures.sqlite``.

A file is listed before it gets its name, in batches, so that a killed export leaves none without an
owner, and the next one goes on behind it. A database of its own, since millions of names and hashes
would fill the memory, and a list of them would be written anew for every picture that changed.
"""

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from catalog_gen.errors import StoreError

PICTURES: Final = "images"
#: Digits of the image id in a file name: enough to find the picture, and never the same twice.
NAME_LENGTH: Final = 32

_SUFFIX: Final = ".pictures.sqlite"
_PICTURE: Final = re.compile(rf"{PICTURES}/[0-9a-f]{{{NAME_LENGTH}}}\.[a-z]{{3,4}}")
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS files (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        made_of TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL
    )
"""
#: Seconds to wait for another process's writing.
_PATIENCE: Final = 10.0
#: What SQLite says of a file that is half a database, none, or one of another form.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class Written(NamedTuple):
    """A file as it was written.

    Attributes:
        made_of: the hash of everything that determines its bytes.
        sha256: of its bytes.
        size: in bytes.
        modified: nanoseconds since 1970.
    """

    made_of: str
    sha256: str
    size: int
    modified: int


class PictureListing:
    """A channel's listing in the folder of its export, held by one process at a time.

    Each method raises a ``StoreError`` if the file can't be read or written, the constructor also
    if another process exports for this channel into this folder.
    """

    def __init__(self, out: Path, channel: str) -> None:
        self._path = out / f"{channel}{_SUFFIX}"
        with _told(self._path):
            self._connection = _opened(self._path)
        self._path.chmod(0o644)

    def close(self) -> None:
        """Let go of the listing; what was not committed is forgotten."""
        if not self._path.stat().st_size:  # nothing ever was
            self._path.unlink()
        self._connection.close()

    def find(self, name: str) -> tuple[int, Written] | None:
        """A file's number, which it keeps, and how it was written; None: it is not listed."""
        with _told(self._path):
            row = self._connection.execute(
                "SELECT number, made_of, sha256, size, modified FROM files WHERE name = ?", [name]
            ).fetchone()
        return None if row is None else (row[0], Written(*row[1:]))

    def put(self, files: Mapping[str, Written]) -> None:
        """List files by name, as they are written now."""
        with _told(self._path):
            self._connection.executemany(
                """
                INSERT INTO files (name, made_of, sha256, size, modified) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET made_of = excluded.made_of,
                    sha256 = excluded.sha256, size = excluded.size, modified = excluded.modified
                """,
                ((name, *written) for name, written in files.items()),
            )

    def remove(self, names: Iterable[str]) -> None:
        """List these no more."""
        with _told(self._path):
            gone = ([name] for name in names)
            self._connection.executemany("DELETE FROM files WHERE name = ?", gone)

    def commit(self) -> None:
        """Make sure that what was put and removed survives a crash."""
        with _told(self._path):
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN IMMEDIATE")

    def all_but(self, numbers: Collection[int]) -> list[str]:
        """The names of the files that have none of these numbers."""
        with _told(self._path):
            rows = self._connection.execute("SELECT number, name FROM files")
            return [name for number, name in rows if number not in numbers]

    def own(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are pictures', and that no other channel in the folder lists."""
        own = [name for name in names if _PICTURE.fullmatch(name)]
        for path in self._path.parent.glob(f"*{_SUFFIX}"):
            if own and path != self._path:
                own = _unlisted(path, own)
        return own


def _opened(path: Path) -> sqlite3.Connection:
    """The listing, locked against other writers; a new one where there is none or a damaged one."""
    connection = sqlite3.connect(path, _PATIENCE, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        connection.execute(
            "SELECT number, name, made_of, sha256, size, modified FROM files LIMIT 1"
        )
        if connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
            return connection
    except sqlite3.DatabaseError as error:
        if _code(error) not in _DAMAGED:
            connection.close()
            raise
    connection.close()
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    path.unlink()
    return _opened(path)


def _unlisted(path: Path, names: list[str]) -> list[str]:
    """The names that another channel's listing lacks: none, if it can't be read."""
    with (
        _told(path),
        closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", _PATIENCE, uri=True)
        ) as listing,
    ):
        listed = "SELECT 1 FROM files WHERE name = ?"
        try:
            return [name for name in names if listing.execute(listed, [name]).fetchone() is None]
        except sqlite3.DatabaseError as error:
            if _code(error) in _DAMAGED:
                return []
            raise


def _code(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code, without what an extended one adds."""
    return error.sqlite_errorcode & 0xFF


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors in the project's form."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _code(error) == sqlite3.SQLITE_BUSY:
            raise StoreError(
                str(path),
                "another export for this channel into this folder is running",
                "Wait for it, or name another folder with --out.",
            ) from error
        raise StoreError(
            str(path),
            f"the export's list of its pictures can't be used ({error})",
            "Free space, or name another folder with --out.",
        ) from error
