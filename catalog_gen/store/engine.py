"""DuckDB's engine, kept from one transaction to the next.

Starting one registers every function of SQL, 20 ms of processor time; attaching a file to one that
runs takes less than 1. Between two blocks no file is attached, so nothing is locked.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

#: The name of the attached database in SQL.
_NAME: Final = "catalog"

#: Idle engines; several threads may add and take.
_idle: deque[DuckDBPyConnection] = deque()
#: Engines from before a fork: without their threads, they can't even be closed.
_lost: list[DuckDBPyConnection] = []


def _forget() -> None:
    _lost.extend(_idle)
    _idle.clear()


os.register_at_fork(after_in_child=_forget)


def spill_folder(database: Path) -> Path:
    """The folder beside the database for what does not fit into memory."""
    return database.with_name(f"{database.name}.tmp")


@contextmanager
def engine(path: Path) -> Iterator[DuckDBPyConnection]:
    """A connection to an engine; what ``attach`` attached is detached at the end.

    What doesn't fit into memory goes to ``spill_folder``.
    """
    spilled = spill_folder(path)
    kept = _taken()
    connection = kept.cursor()
    try:
        connection.execute(f"SET temp_directory = {_literal(spilled)}")
        yield connection
    except BaseException:
        # After a fatal error an engine can't be used again, and even closing it may raise.
        with suppress(duckdb.Error):
            connection.close()
            kept.close()
        raise
    with suppress(duckdb.Error):
        connection.close()
        kept.execute(f"DETACH DATABASE IF EXISTS {_NAME}")
        kept.execute("RESET memory_limit")
        if not spilled.exists():  # an engine that has spilled stays with its folder
            _idle.append(kept)
            return
    with suppress(duckdb.Error):
        kept.close()


def attach(connection: DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    """Attach the file at ``path`` and make it the connection's database."""
    mode = "READ_ONLY" if read_only else "READ_WRITE"
    connection.execute(f"ATTACH {_literal(path)} AS {_NAME} ({mode})")
    connection.execute(f"USE {_NAME}")


def _taken() -> DuckDBPyConnection:
    try:
        return _idle.pop()
    except IndexError:
        return _started()


def _started() -> DuckDBPyConnection:
    started = duckdb.connect(":memory:")
    # Few big checkpoints: with the default of 16 MB, images are written four times over.
    started.execute("SET wal_autocheckpoint = '1GB'")
    return started


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
