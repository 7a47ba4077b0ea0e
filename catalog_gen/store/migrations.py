"""Bring a database to this version's schema: numbered SQL files, each applied once.

A file and the row that records it are one transaction: a process that dies half-way leaves the
earlier version whole. Nothing here goes back to an earlier version; that is what backups are for.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb
from duckdb import DuckDBPyConnection

from catalog_gen.errors import StoreError
from catalog_gen.store.relations import only_row


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of ``migrations/``: ``0001_initial.sql`` has version 1."""

    version: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations of this version of catalog_gen, the earliest first."""
    folder = files("catalog_gen.store").joinpath("migrations")
    found = [
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda migration: migration.version))


def latest_version() -> int:
    """The schema version that this version of catalog_gen writes and reads."""
    return migrations()[-1].version


def schema_version(connection: DuckDBPyConnection) -> int:
    """The version that a database is at; 0 is an empty one."""
    try:
        (version,) = only_row(connection.execute("SELECT max(version) FROM schema_version"))
    except duckdb.CatalogException:  # no such table; asking the catalog takes ten times as long
        return 0
    return int(version)


def require_not_newer(version: int) -> None:
    """Refuse a database that a later catalog_gen has written.

    Raises:
        StoreError: the version is unknown to this catalog_gen.
    """
    if version > latest_version():
        raise StoreError(
            f"schema version {version}",
            f"the database was written by a newer catalog_gen; this one knows {latest_version()}",
            "Upgrade catalog_gen, or restore a backup from before the upgrade.",
        )


def migrate(connection: DuckDBPyConnection) -> int:
    """Apply what is missing; returns how many migrations were applied.

    Raises:
        StoreError: the database is newer than this catalog_gen.
    """
    version = schema_version(connection)
    require_not_newer(version)
    missing = [migration for migration in migrations() if migration.version > version]
    for migration in missing:
        _apply(connection, migration)
    return len(missing)


def _apply(connection: DuckDBPyConnection, migration: Migration) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute(migration.sql)
        connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_version (
                version     INTEGER PRIMARY KEY,
                name        VARCHAR NOT NULL,
                applied_at  TIMESTAMPTZ NOT NULL
            )
            """
        )
        connection.execute(
            "INSERT INTO schema_version VALUES (?, ?, now())", [migration.version, migration.name]
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
