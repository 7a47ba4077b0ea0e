"""Open the catalog's database for one short transaction at a time.

DuckDB locks its file for the whole process: a writer excludes all other processes, readers exclude
writers. So connections are short, waiting for another process is bounded, and analysts get
snapshots (see ``snapshot``).

The database file is never opened by this process other than through DuckDB: closing any other
handle of it would silently drop DuckDB's POSIX lock.
"""

import random
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError, StoreBusyError, StoreError
from catalog_gen.home import Home
from catalog_gen.picture_place import IN_HOME
from catalog_gen.store.engine import attach, engine, spill_folder
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.pictures.place import pictures_at, recorded_place
from catalog_gen.store.schema import (
    current_schema,
    current_state,
    require_known,
    stored_state,
    with_todays_views,
)

#: Seconds to wait for another process before giving up.
PATIENCE: Final = 20.0

#: Seconds between two attempts: the first pause, and the longest.
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 1.0
#: Rows of a join's smaller side up to which DuckDB looks them up by the index of the larger one,
#: instead of going through it. More than 2,048 (``index_scan_max_count``) it never looks up.
_LOOKED_UP: Final = 2_000

#: By another process, or by a thread of this one through another ``Store``.
_HELD: Final = re.compile("Could not set lock|is already attached")
_HOLDER: Final = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


@dataclass(slots=True)
class _Turn:
    """Which thread has the database open."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    holder: int | None = None


class Store:
    """The database of one catalog; usable from several threads, which wait for each other."""

    def __init__(self, home: Home, *, patience: float = PATIENCE) -> None:
        """Open nothing yet; ``patience`` is how many seconds to wait for other processes."""
        self.home = home
        self.path = home.database
        self._patience = patience
        self._turn = _Turn()

    def with_patience(self, seconds: float) -> "Store":
        """The same store with another patience; threads of both wait for each other."""
        other = Store(self.home, patience=seconds)
        other._turn = self._turn
        return other

    def pictures(self, connection: DuckDBPyConnection) -> Pictures:
        """The pictures' bytes, in the place that the database records."""
        return pictures_at(self.home, recorded_place(connection) or IN_HOME, connection)

    @contextmanager
    def writing(self, *, checkpoint: bool = False) -> Iterator[DuckDBPyConnection]:
        """A transaction on the live file, committed at the end; rolled back on any error.

        With ``checkpoint``, leaving the block without an error moves everything committed from
        the write-ahead log into the main file.

        Raises:
            StoreBusyError: another process held the file for longer than ``patience``.
            StoreError: any other error of the database.
        """
        with self._my_turn(), _translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._opened(read_only=False) as connection:
                self._bring_up_to_date(connection)
                with _transaction(connection):
                    yield connection
                if checkpoint:
                    _checkpoint(connection)

    @contextmanager
    def alone(self) -> Iterator[DuckDBPyConnection]:
        """The live file, exclusively, without a transaction and with an empty log.

        Raises:
            StoreBusyError: another process held the file for longer than ``patience``.
            StoreError: any other error of the database.
        """
        with self._my_turn(), _translated(self.path), self._opened(read_only=False) as connection:
            self._bring_up_to_date(connection)
            _checkpoint(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """The live file, read-only, created first if there is none. Keep the block short.

        Raises:
            StoreBusyError: another process writes, and did not finish in time.
            StoreError: any other error of the database.
        """
        with self._my_turn(), _translated(self.path):
            if self.path.exists():
                with self._opened(read_only=True) as connection:
                    if stored_state(connection, str(self.path)) == current_state():
                        yield connection
                        return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._opened(read_only=False) as connection:
                self._bring_up_to_date(connection)
            with self._opened(read_only=True) as connection:
                yield connection

    @contextmanager
    def peek(self) -> Iterator[DuckDBPyConnection]:
        """The live file read-only, or an empty schema in memory; writes nothing to any disk.

        Raises:
            StoreBusyError: another process writes, and did not finish in time.
            StoreError: the database's tables are of an earlier or later version, or it is damaged.
        """
        with self._my_turn(), _translated(self.path):
            if not self.path.exists():
                with open_memory() as connection:
                    yield connection
                return
            with self._opened(read_only=True) as connection:
                found = stored_state(connection, str(self.path))
                if found != current_state() and not with_todays_views(
                    connection, found, current_schema()
                ):
                    if found is not None:
                        require_known(found, current_state(), str(self.path))
                    raise StoreError(
                        str(self.path),
                        "the database is older than this catalog_gen",
                        "Run `catalog-gen gallery` or a refresh: both bring it up to date.",
                    )
                # Without a folder for temporary files a big plan stays in memory or fails.
                connection.execute("SET temp_directory = ''")
                yield connection

    def _bring_up_to_date(self, connection: DuckDBPyConnection) -> None:
        current_schema().bring_up_to_date(connection, str(self.path))

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        me = threading.get_ident()
        if self._turn.holder == me:
            raise StoreError(
                str(self.path),
                "this thread has the database open already",
                "Leave one `writing`, `reading` or `peek` block before the next.",
            )
        with self._turn.lock:
            self._turn.holder = me
            try:
                yield
            finally:
                self._turn.holder = None

    @contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[DuckDBPyConnection]:
        with engine(self.path) as connection:
            self._attach(connection, read_only)
            if not read_only:  # nobody else has it open: what was spilled belongs to a dead process
                shutil.rmtree(spill_folder(self.path), ignore_errors=True)
            _configure(connection)
            yield connection

    def _attach(self, connection: DuckDBPyConnection, read_only: bool) -> None:
        deadline = time.monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                attach(connection, self.path, read_only=read_only)
                return
            except (duckdb.IOException, duckdb.ResourceInUseException) as error:
                if not _HELD.search(str(error)):
                    raise
                if time.monotonic() + pause > deadline:
                    raise _busy(self.path, str(error), self._patience) from error
            # Jitter, so that two waiting processes do not retry in lockstep.
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def open_memory() -> Iterator[DuckDBPyConnection]:
    """An empty in-memory database with the whole schema, closed at the end."""
    connection = duckdb.connect(":memory:")
    try:
        _configure(connection)
        current_schema().bring_up_to_date(connection, ":memory:")
        yield connection
    finally:
        connection.close()


def _checkpoint(connection: DuckDBPyConnection) -> None:
    connection.execute("CHECKPOINT")


def _configure(connection: DuckDBPyConnection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB must not look for a missing table among our Python variables.
    connection.execute("SET python_enable_replacements = false")
    # 128 of two million pictures: 4 ms instead of 70.
    connection.execute(f"SET dynamic_or_filter_threshold = {_LOOKED_UP}")
    # A library's progress bars on standard error would garble ours.
    connection.execute("SET enable_progress_bar = false")


@contextmanager
def _transaction(connection: DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        # A commit after a failed statement returns normally and stores nothing; a query does not.
        connection.execute("SELECT 1").fetchall()
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate errors of DuckDB and of the file system into ours."""
    try:
        yield
    except duckdb.Error as error:
        raise _store_error(path, error) from error
    except OSError as error:
        raise StoreError(
            str(error.filename or path),
            f"the database can't be used ({error.strerror})",
            "Make the folder writable, or set CATALOG_HOME to another one.",
        ) from error


def _store_error(path: Path, error: duckdb.Error) -> StoreError:
    text = " ".join(str(error).split())
    if "No space left" in text or "out of disk" in text.lower():
        return StoreError(
            str(path),
            f"the disk is full ({text})",
            "Free space and run again: nothing that was committed is lost, and pictures that "
            "were not stored yet wait in the outbox.",
        )
    if "WAL" in text and ("Corrupt" in text or "does not match" in text):
        return CorruptionError(
            f"{path}.wal",
            f"the write-ahead log is damaged ({text})",
            f"Restore a backup, or move {path.name}.wal away: no picture is only there, and what "
            "the last refresh planned, scored or published is computed again.",
        )
    if "checksum" in text or "not a valid DuckDB database" in text or "Corrupt" in text:
        return CorruptionError(
            str(path),
            f"the database is damaged ({text})",
            "Restore a backup: `catalog-gen restore DIR --force`.",
        )
    if isinstance(error, duckdb.FatalException):
        return StoreError(
            str(path),
            f"the database stopped ({text})",
            "Run again: the file is reopened, and everything committed is still there.",
        )
    return StoreError(
        str(path),
        f"the database refused ({text})",
        "Nothing of this step was stored; fix the cause and run again.",
    )


def _busy(path: Path, text: str, patience: float) -> StoreBusyError:
    found = _HOLDER.search(text)
    if found:
        holder = f"process {found['pid']} ({found['program']})"
    else:
        holder = "another thread" if "is already attached" in text else "another process"
    return StoreBusyError(
        str(path),
        f"{holder} has held the database for {patience:g} s or longer",
        "Close it there; to read, use `catalog-gen sql` or the newest file in snapshots/.",
    )
