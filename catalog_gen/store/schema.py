"""The database's schema: created from ``tables.sql``, upgraded by numbered migrations.

``migrations/README.md`` explains how to change a table. Views are not part of a migration:
``views.sql`` is applied whenever it, or a table, has changed. A step and the row that records it
are one transaction, so that a process that dies half-way leaves the earlier state intact. There are
no downgrades; restore a backup instead.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import NoReturn

import duckdb
from duckdb import DuckDBPyConnection

from catalog_gen.errors import StoreError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.store.relations import first_row


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of ``migrations/``: ``0001_release.sql`` has version 1."""

    version: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """A database's schema version (0 is before the release) and the SHA-256 of its SQL."""

    version: int
    tables_sha256: str
    views_sha256: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables and views that a version of catalog_gen needs, and the migrations to them."""

    tables: str
    views: str
    migrations: tuple[Migration, ...] = ()

    @property
    def state(self) -> SchemaState:
        """The state of a database that this version has written."""
        version = self.migrations[-1].version if self.migrations else 0
        statements = " ".join(re.sub(r"--.*", "", self.tables).split())
        return SchemaState(version, sha256_text(statements), sha256_text(self.views))

    def bring_up_to_date(self, connection: DuckDBPyConnection, path: str) -> None:
        """Create or migrate the schema of the database at ``path``.

        Raises:
            StoreError: another catalog_gen wrote the database, and this one can't read it.
        """
        found = stored_state(connection, path)
        wanted = self.state
        if found == wanted:
            return
        if found is not None:
            require_known(found, wanted, path)
        connection.execute("BEGIN")
        try:
            if found is None:
                connection.execute(self.tables)
            else:
                for migration in self.migrations:
                    if migration.version > found.version:
                        connection.execute(migration.sql)
            _replace_views(connection, self.views)
            connection.execute("DELETE FROM store_schema")
            connection.execute(
                "INSERT INTO store_schema VALUES (?, ?, ?, now())",
                [wanted.version, wanted.tables_sha256, wanted.views_sha256],
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


@cache
def current_schema() -> Schema:
    """The schema of this version of catalog_gen."""
    folder = files("catalog_gen.store")
    found = [
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in folder.joinpath("migrations").iterdir()
        if entry.name.endswith(".sql")
    ]
    return Schema(
        folder.joinpath("tables.sql").read_text("utf-8"),
        folder.joinpath("views.sql").read_text("utf-8"),
        tuple(sorted(found, key=lambda migration: migration.version)),
    )


@cache
def current_state() -> SchemaState:
    """The state of a database that this version of catalog_gen has written."""
    return current_schema().state


def stored_state(connection: DuckDBPyConnection, path: str) -> SchemaState | None:
    """The state of the database at ``path``; None if it is empty.

    Raises:
        StoreError: a catalog_gen from before ``store_schema`` wrote it.
    """
    try:
        row = first_row(
            connection.execute("SELECT version, tables_sha256, views_sha256 FROM store_schema")
        )
    except duckdb.CatalogException:  # no such table; asking the catalog takes ten times as long
        row = None
        if first_row(
            connection.execute("FROM duckdb_tables() WHERE table_name = 'schema_version'")
        ):
            _refuse_unreleased(path)
    return None if row is None else SchemaState(*row)


def with_todays_views(
    connection: DuckDBPyConnection, found: SchemaState | None, schema: Schema
) -> bool:
    """Create today's views over a database with the same tables, for this connection alone.

    Nothing is written: they are temporary views, which take precedence. False if the tables differ,
    too.
    """
    wanted = schema.state
    if found is None or replace(found, views_sha256=wanted.views_sha256) != wanted:
        return False
    without_comments = re.sub(r"^COMMENT ON .*;$", "", schema.views, flags=re.MULTILINE)
    connection.execute(re.sub(r"^CREATE ", "CREATE TEMP ", without_comments, flags=re.MULTILINE))
    return True


def require_known(found: SchemaState, wanted: SchemaState, path: str) -> None:
    """Refuse a database that can't be migrated.

    Raises:
        StoreError: a newer catalog_gen wrote it, or one that was never released.
    """
    if found.version > wanted.version:
        raise StoreError(
            f"{path} (schema version {found.version})",
            f"a newer catalog_gen wrote this database; this one knows version {wanted.version}",
            "Upgrade catalog_gen, or restore a backup from before the upgrade.",
        )
    same_tables = found.tables_sha256 == wanted.tables_sha256
    if (found.version == wanted.version and not same_tables) or (
        found.version == 0 < wanted.version
    ):
        _refuse_unreleased(path)


def _refuse_unreleased(path: str) -> NoReturn:
    raise StoreError(
        path,
        "an unreleased catalog_gen with other tables wrote this database; such stores are not "
        "brought over",
        "Set CATALOG_HOME to another folder, or move the file away and refresh.",
    )


def _replace_views(connection: DuckDBPyConnection, views: str) -> None:
    """Recreate all views and macros; those that are no longer in the text are dropped."""
    names = connection.execute(
        """
        SELECT 'VIEW', view_name FROM duckdb_views() WHERE NOT internal AND NOT temporary
        UNION ALL
        SELECT DISTINCT 'MACRO TABLE', function_name FROM duckdb_functions()
        WHERE NOT internal AND function_type = 'table_macro'
        """
    ).fetchall()
    for kind, name in names:
        connection.execute(f'DROP {kind} "{name}"')
    connection.execute(views)
