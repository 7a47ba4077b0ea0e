"""Snapshots: whole, read-only copies of the database, so that no query waits for a refresh.

A snapshot appears by a rename, complete or not at all; ``latest.duckdb`` always names the newest.
The live file is never handed out.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from catalog_gen.errors import InputError, StoreError
from catalog_gen.settings import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.relations import only_row

#: How many snapshots are kept, the newest.
KEPT: Final = 3

LATEST: Final = "latest.duckdb"

_TEMPORARY: Final = ".writing-"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def publish_snapshot(store: Store, home: Home) -> Path:
    """Copy the live database, compacted, and make the copy the newest snapshot.

    Raises:
        StoreBusyError: another process writes to the database.
        StoreError: the disk is full, or the folder can't be written; earlier snapshots stay.
    """
    folder = home.snapshots
    temporary = folder / f"{_TEMPORARY}{os.getpid()}.duckdb"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove(temporary)
        with store.reading() as connection:
            quoted = str(temporary).replace("'", "''")
            connection.execute(f"ATTACH '{quoted}' AS snapshot (READ_WRITE)")
            live = only_row(connection.execute("SELECT current_database()"))
            connection.execute(f'COPY FROM DATABASE "{live[0]}" TO snapshot')
            connection.execute("DETACH snapshot")
        sync_file(temporary)
        path = folder / f"catalog-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.duckdb"
        temporary.rename(path)
        _point_latest_to(path)
        _forget_old(folder)
        sync_folder(folder)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"the snapshot can't be written ({error.strerror})",
            "Free space or mend the folder; the earlier snapshots are still there.",
        ) from error
    finally:
        with suppress(OSError):
            _remove(temporary)
    return path


def query_snapshot(home: Home, sql: str) -> QueryResult:
    """Run SQL over the newest snapshot: it can read nothing else, and change nothing.

    Raises:
        InputError: the SQL is wrong, or asks for what is not allowed.
        StoreError: there is no snapshot yet, or it can't be opened.
    """
    latest = home.snapshots / LATEST
    if not latest.exists():
        raise StoreError(
            str(latest), "there is no snapshot yet", "Run `catalog-gen refresh` first."
        )
    try:
        connection = duckdb.connect(
            latest.resolve(),
            read_only=True,
            config={
                "enable_external_access": "false",
                "autoload_known_extensions": "false",
                "autoinstall_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
    except duckdb.Error as error:
        raise StoreError(
            str(latest), f"the snapshot can't be opened ({error})", "Run `catalog-gen refresh`."
        ) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET lock_configuration = true")
        connection.execute(sql)
        columns = tuple(column[0] for column in connection.description or ())
        return QueryResult(columns, tuple(connection.fetchall()) if columns else ())
    except duckdb.Error as error:
        raise InputError(
            sql,
            str(error).strip(),
            "`catalog-gen sql 'SHOW TABLES'` lists what can be asked; see docs/lineage.md.",
        ) from error
    finally:
        connection.close()


def _point_latest_to(path: Path) -> None:
    """A symbolic link is replaced in one step; readers of the earlier file keep it open."""
    link = path.with_name(f"{_TEMPORARY}{os.getpid()}-{LATEST}")
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.rename(path.with_name(LATEST))


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("catalog-*.duckdb"))[:-KEPT]:
        path.unlink(missing_ok=True)


def _remove(temporary: Path) -> None:
    temporary.unlink(missing_ok=True)
    temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)
