"""Where a catalog's pictures are: a row in the database says it, the settings only ask for it.

So that every command finds them without the settings, and a changed setting never hides pictures:
``catalog-gen move`` moves them, and then the row.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.errors import ConfigError
from catalog_gen.picture_place import IN_DATABASE, IN_HOME, is_bucket
from catalog_gen.settings import Home
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.in_folder import InFolder
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.relations import first_row, only_row


def recorded_place(connection: DuckDBPyConnection) -> str | None:
    """Where the pictures are; None before the first."""
    row = first_row(connection.execute("SELECT place FROM picture_place"))
    return None if row is None else str(row[0])


def record_place(connection: DuckDBPyConnection, place: str, *, leaving: str | None = None) -> None:
    """Say where the pictures are from now on, and which place is still to be emptied."""
    connection.execute("DELETE FROM picture_place")
    connection.execute("INSERT INTO picture_place VALUES (?, ?, now())", [place, leaving])


def place_to_empty(connection: DuckDBPyConnection) -> str | None:
    """The place that a move has left and not emptied yet; None: there is none."""
    row = first_row(connection.execute("SELECT leaving FROM picture_place"))
    return None if row is None else row[0]


def settled_place(connection: DuckDBPyConnection, wanted: str) -> str:
    """The place for new pictures: the settings' one, which must be where the others are.

    Raises:
        ConfigError: there are pictures, and they are elsewhere.
    """
    recorded = recorded_place(connection)
    (images,) = only_row(connection.execute("SELECT count(*) FROM images"))
    if recorded in (None, wanted) or not images:
        return wanted
    raise ConfigError(
        f"store.pictures = '{wanted}'",
        f"the catalog's pictures are in '{recorded}'",
        "Run `catalog-gen move`, which moves and checks them, or set it back.",
    )


def pictures_outside(home: Home, place: str) -> Pictures | None:
    """The pictures of a place outside the database; None: they are in the database."""
    if place == IN_DATABASE:
        return None
    if place == IN_HOME:
        return InFolder(home.pictures)
    if is_bucket(place):
        from catalog_gen.store.pictures.in_bucket import InBucket

        return InBucket(place)
    return InFolder(Path(place))


def pictures_at(home: Home, place: str, connection: DuckDBPyConnection) -> Pictures:
    """The pictures of any place; those in the database are read through ``connection``."""
    return pictures_outside(home, place) or InDatabase(connection)
