"""The place of a catalog's pictures: a row in the database records it, the settings request it.

So all commands find the pictures without the settings, and a changed setting never hides them:
``catalog-gen move`` moves them, and then changes the row.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.errors import ConfigError
from catalog_gen.home import Home
from catalog_gen.picture_place import IN_DATABASE, IN_HOME, is_bucket
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.in_folder import InFolder
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.relations import first_row, only_row


def recorded_place(connection: DuckDBPyConnection) -> str | None:
    """The place of the pictures; None before the first picture."""
    row = first_row(connection.execute("SELECT place FROM picture_place"))
    return None if row is None else str(row[0])


def record_place(connection: DuckDBPyConnection, place: str, *, leaving: str | None = None) -> None:
    """Record the new place of the pictures, and the place that is still to be emptied."""
    connection.execute("DELETE FROM picture_place")
    connection.execute("INSERT INTO picture_place VALUES (?, ?, now())", [place, leaving])


def place_to_empty(connection: DuckDBPyConnection) -> str | None:
    """The place that a move has left and not emptied yet; None: there is none."""
    row = first_row(connection.execute("SELECT leaving FROM picture_place"))
    return None if row is None else row[0]


def settled_place(connection: DuckDBPyConnection, wanted: str) -> str:
    """The place for new pictures: that in the settings, which must be where the others are.

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
