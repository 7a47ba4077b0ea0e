"""Snapshots: read-only copies of the database's rows, so that no query waits for a refresh.

A snapshot appears by a rename, complete or not at all; ``latest.duckdb`` is always the newest.
In a snapshot ``lineage`` is a table, so that a query over a million images is one scan. Pictures'
bytes are not copied: they are hundreds of times as large as all rows, and copying them every night
would cost more the longer the shop's history is.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError, StoreError
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.relations import id_ranges, limit_memory, only_row
from catalog_gen.store.unfinished import unfinished_folder

#: How many of the newest snapshots are kept.
KEPT: Final = 3

LATEST: Final = "latest.duckdb"

#: The table that is not copied: see above.
_BYTES: Final = "image_bytes"

#: Memory limit while writing a snapshot; DuckDB spills the rest into a folder beside it.
_MEMORY: Final = "1GB"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The limits of one query."""

    seconds: float = 120.0
    memory: str = "1GB"
    spill: str = "2GB"
    """On the disk for temporary files, given back when the query ends."""
    rows: int = 100_000


USUAL_LIMITS: Final = QueryLimits()


def publish_snapshot(store: Store, home: Home) -> Path:
    """Copy the live database's rows into the newest snapshot.

    Raises:
        StoreBusyError: another process writes to the database.
        StoreError: the disk is full, or the folder can't be written; earlier snapshots stay.
    """
    folder = home.snapshots
    try:
        with unfinished_folder(folder) as temporary:
            copy = temporary / "catalog.duckdb"
            with store.reading() as connection:
                _copy_rows(connection, copy)
            _lay_out_lineage(copy)
            sync_file(copy)
            stamp = f"{_next_number(folder):06d}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
            path = folder / f"catalog-{stamp}.duckdb"
            copy.rename(path)
            _point_latest_to(path, temporary / LATEST)
        _forget_old(folder)
        sync_folder(folder)
    except duckdb.Error as error:
        raise StoreError(
            str(folder),
            f"the snapshot can't be written ({' '.join(str(error).split())})",
            "Free space or repair the folder; the earlier snapshots are still there.",
        ) from error
    except OSError as error:
        raise StoreError(
            str(folder),
            f"the snapshot can't be written ({error.strerror})",
            "Free space or repair the folder; the earlier snapshots are still there.",
        ) from error
    return path


def query_snapshot(home: Home, sql: str, limits: QueryLimits = USUAL_LIMITS) -> QueryResult:
    """Run SQL over the newest snapshot: it can read nothing else, and change nothing.

    Raises:
        InputError: the SQL is wrong or not allowed, or exceeds the limits.
        StoreError: there is no snapshot yet, or it can't be opened.
        KeyboardInterrupt: Ctrl-C; the query was ended.
    """
    latest = home.snapshots / LATEST
    if not latest.exists():
        raise StoreError(
            str(latest), "there is no snapshot yet", "Run `catalog-gen refresh` first."
        )
    with unfinished_folder(Path(tempfile.gettempdir())) as spill:
        try:
            connection = duckdb.connect(
                latest.resolve(),
                read_only=True,
                config={
                    "enable_external_access": "false",
                    "autoload_known_extensions": "false",
                    "autoinstall_known_extensions": "false",
                    "python_enable_replacements": "false",
                    "memory_limit": limits.memory,
                    "temp_directory": str(spill),
                    "max_temp_directory_size": limits.spill,
                },
            )
        except duckdb.Error as error:
            raise StoreError(
                str(latest), f"the snapshot can't be opened ({error})", "Run `catalog-gen refresh`."
            ) from error
        try:
            return _answer(connection, sql, limits)
        finally:
            connection.close()


def _answer(connection: DuckDBPyConnection, sql: str, limits: QueryLimits) -> QueryResult:
    """Run the query in a thread, so that this one can stop it: on Ctrl-C, or after its time."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET lock_configuration = true")

    def run() -> QueryResult:
        connection.execute(sql)
        columns = tuple(column[0] for column in connection.description or ())
        rows = connection.fetchmany(limits.rows + 1) if columns else []
        return QueryResult(columns, tuple(rows))

    with ThreadPoolExecutor(1, "query") as thread:
        answer = thread.submit(run)
        try:
            result = answer.result(limits.seconds)
        except TimeoutError:
            connection.interrupt()
            raise InputError(
                sql,
                f"takes longer than {limits.seconds:g} s",
                "Ask for less, or give it more time with --timeout.",
            ) from None
        except KeyboardInterrupt:
            connection.interrupt()
            raise
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                sql,
                f"takes more than {limits.memory} of memory and {limits.spill} of disk",
                "Ask for less: fewer columns, a WHERE or a LIMIT; or open the file in snapshots/ "
                "with DuckDB itself.",
            ) from error
        except duckdb.Error as error:
            raise InputError(
                sql,
                str(error).strip(),
                "`catalog-gen sql 'SHOW TABLES'` lists what can be asked; see docs/lineage.md.",
            ) from error
    if len(result.rows) > limits.rows:
        raise InputError(
            sql,
            f"has more than {limits.rows:,} rows",
            "Add a LIMIT, or open the file in snapshots/ with DuckDB itself.",
        )
    return result


def _copy_rows(connection: DuckDBPyConnection, path: Path) -> None:
    """Copy all tables but the pictures' bytes, and all views, into a new file.

    A snapshot is read-only, so its tables need no primary keys: building them would take four
    times as long as the copy, while the live file is locked.
    """
    quoted = str(path).replace("'", "''")
    (live,) = only_row(connection.execute("SELECT current_database()"))
    limit_memory(connection, _MEMORY)
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [live]
    ).fetchall()
    connection.execute(f"ATTACH '{quoted}' AS snapshot (READ_WRITE)")
    connection.execute(f'COPY FROM DATABASE "{live}" TO snapshot (SCHEMA)')
    for (table,) in tables:
        connection.execute(f'DROP TABLE snapshot."{table}"')
        if table != _BYTES:
            connection.execute(f'CREATE TABLE snapshot."{table}" AS FROM "{live}"."{table}"')
    connection.execute("DETACH snapshot")


def _lay_out_lineage(path: Path) -> None:
    """Turn the view ``lineage`` into a table of the same columns and descriptions.

    This joins all tables, so it is done after the live file has been released.
    """
    connection = duckdb.connect(path)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        limit_memory(connection, _MEMORY)
        (description,) = only_row(
            connection.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'lineage'")
        )
        columns = connection.execute(
            """
            SELECT column_name, comment FROM duckdb_columns()
            WHERE table_name = 'lineage' AND comment IS NOT NULL
            """
        ).fetchall()
        connection.execute("CREATE TABLE lineage_rows AS FROM lineage LIMIT 0")
        # Two million pictures' rows at once took more than 2 GB.
        (pictures,) = only_row(connection.execute("SELECT count(*) FROM images"))
        for least, below in id_ranges(pictures):
            connection.execute(
                "INSERT INTO lineage_rows FROM lineage WHERE image_id >= ? AND image_id < ?",
                [least, below],
            )
        connection.execute("DROP VIEW lineage")
        connection.execute("ALTER TABLE lineage_rows RENAME TO lineage")
        connection.execute(f"COMMENT ON TABLE lineage IS {_literal(description)}")
        for column, comment in columns:
            connection.execute(f'COMMENT ON COLUMN lineage."{column}" IS {_literal(comment)}')
        connection.execute("CHECKPOINT")
    finally:
        with suppress(duckdb.Error):  # closing it after a fatal error raises again
            connection.close()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _point_latest_to(path: Path, link: Path) -> None:
    """Replace the symbolic link by ``link`` in one step; readers of the earlier file keep it."""
    link.symlink_to(path.name)
    link.rename(path.with_name(LATEST))


def _forget_old(folder: Path) -> None:
    for path in _numbered(folder)[:-KEPT]:
        path.unlink(missing_ok=True)


def _next_number(folder: Path) -> int:
    """The number after the newest snapshot's; unlike clocks, numbers never go back."""
    earlier = _numbered(folder)
    return _number(earlier[-1]) + 1 if earlier else 1


def _numbered(folder: Path) -> list[Path]:
    """All snapshots by their numbers, the oldest first."""
    return sorted(folder.glob("catalog-*-*.duckdb"), key=_number)


def _number(snapshot: Path) -> int:
    return int(snapshot.name.split("-")[1])
