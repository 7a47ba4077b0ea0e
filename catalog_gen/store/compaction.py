"""Rewrite a database: for a backup, or to reclaim the space of deleted rows.

DuckDB never returns the space of deleted rows to the disk by itself.
"""

from pathlib import Path
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.arrow_text import TEXT
from catalog_gen.errors import StoreError
from catalog_gen.store.connection import Store
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.pictures import portions
from catalog_gen.store.relations import limit_memory, only_row, registered
from catalog_gen.store.unfinished import unfinished_folder

#: The table of pictures' bytes; a scan of it holds 2,048 pictures at a time.
_PICTURES: Final = "image_bytes"
#: Pictures that are copied at a time, and the size of the log that triggers a checkpoint, which
#: writes the pictures of the last row group again.
_PORTION: Final = 64
_LOG: Final = "16GB"


def copy_database(connection: DuckDBPyConnection, path: Path, *statements: str) -> None:
    """Copy the database row by row, not byte by byte, so that every block's checksum is checked.

    Pictures in it are read by address, a few at a time.

    Args:
        statements: SQL that changes the copy, which is attached as ``copied``.
    """
    limit_memory(connection)
    quoted = str(path).replace("'", "''")
    (live,) = only_row(connection.execute("SELECT current_database()"))
    connection.execute(f"SET wal_autocheckpoint = '{_LOG}'")
    connection.execute(f"ATTACH '{quoted}' AS copied (READ_WRITE)")
    connection.execute(f'COPY FROM DATABASE "{live}" TO copied (SCHEMA)')
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
    ).fetchall()
    for (table,) in tables:
        if table != _PICTURES:
            connection.execute(f'INSERT INTO copied."{table}" BY NAME FROM "{live}"."{table}"')
    _copy_pictures(connection)
    for statement in statements:
        connection.execute(statement)
    connection.execute("CHECKPOINT copied")
    connection.execute("DETACH copied")


def _copy_pictures(connection: DuckDBPyConnection) -> None:
    addresses = connection.execute(f"SELECT sha256 FROM {_PICTURES}").fetchall()
    for portion in portions((address for (address,) in addresses), _PORTION):
        found = InDatabase(connection).get(portion)
        table = pa.table(
            {"sha256": pa.array(found, TEXT), "bytes": pa.array(found.values(), pa.binary())}
        )
        with registered(connection, "pictures_to_copy", table):
            connection.execute(f"INSERT INTO copied.{_PICTURES} BY NAME FROM pictures_to_copy")


def compact(store: Store) -> int:
    """Return the space of deleted rows to the disk, and return the number of bytes.

    The new file replaces the old one by a rename, while nobody else has it open: a crash leaves
    one or the other.

    Raises:
        StoreBusyError: another process holds the database.
        StoreError: there is no room for the copy; the database is as it was.
    """
    path = store.path
    before = path.stat().st_size
    try:
        with unfinished_folder(path.parent) as folder, store.alone() as connection:
            temporary = folder / path.name
            copy_database(connection, temporary)
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            str(path),
            f"it can't be compacted ({error.strerror})",
            "Free as much space as the database takes; it is as it was.",
        ) from error
    return before - path.stat().st_size
