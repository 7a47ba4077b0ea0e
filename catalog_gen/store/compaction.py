"""Write a database anew: for a backup, or without the holes that deleted rows left.

DuckDB never gives the space of deleted rows back to the disk by itself.
"""

from pathlib import Path
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.errors import StoreError
from catalog_gen.store.connection import Store
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.relations import limit_memory, only_row
from catalog_gen.store.unfinished import unfinished_folder

#: Memory limit of DuckDB while it copies pictures that are in the database.
_WITH_PICTURES: Final = "4GB"


def copy_database(connection: DuckDBPyConnection, path: Path, *statements: str) -> None:
    """Copy the database row by row, not byte by byte, so that every block's checksum is checked.

    Args:
        statements: SQL that changes the copy, which is attached as ``copied``.
    """
    limit_memory(connection)
    (inside,) = only_row(connection.execute("SELECT count(*) FROM image_bytes"))
    if inside:  # a scan holds 2,048 of its pictures at a time
        connection.execute(f"SET memory_limit = '{_WITH_PICTURES}'")
    quoted = str(path).replace("'", "''")
    (live,) = only_row(connection.execute("SELECT current_database()"))
    connection.execute(f"ATTACH '{quoted}' AS copied (READ_WRITE)")
    connection.execute(f'COPY FROM DATABASE "{live}" TO copied')
    for statement in statements:
        connection.execute(statement)
    connection.execute("CHECKPOINT copied")
    connection.execute("DETACH copied")


def compact(store: Store) -> int:
    """Give the space of deleted rows back to the disk; returns the bytes that came free.

    The new file takes the old one's place by one rename, while nobody else has it open: a crash
    leaves the one or the other.

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
