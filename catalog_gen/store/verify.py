"""Read everything that was stored and report what is damaged; repairs nothing.

DuckDB checks every block's checksum as it is read; in addition, pictures and recipes must hash to
their ids, live pictures must be stored, and outbox files must hash to their names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError
from catalog_gen.store.connection import Store
from catalog_gen.store.images import damaged_images
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import read_batch
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.relations import limit_memory, only_row

Kind = Literal[
    "database",
    "image",
    "mask",
    "concept",
    "recipe",
    "live picture",
    "outbox file",
    "gallery file",
]

#: Queries that find the addresses of what recipes draw from, beside photos.
_MATERIAL: Final[dict[Kind, str]] = {
    "mask": "SELECT DISTINCT mask_sha256 FROM cutouts WHERE mask_sha256 <> '' ORDER BY ALL",
    "concept": """
        SELECT concept_sha256 FROM concepts WHERE concept_sha256 <> ''
        UNION SELECT concept_sha256 FROM recipes WHERE concept_sha256 IS NOT NULL ORDER BY ALL
    """,
}

#: Queries that find the names of damaged things of one kind, in order.
_ROWS: Final[dict[Kind, tuple[str, str]]] = {
    "recipe": (
        "its text does not hash to its id",
        "SELECT recipe_id FROM recipes WHERE sha256(recipe::VARCHAR) <> recipe_id ORDER BY ALL",
    ),
    "live picture": (
        "it is published but not stored",
        """
        SELECT DISTINCT image_id FROM live_items ANTI JOIN images USING (image_id) ORDER BY ALL
        """,
    ),
}

_REMEDIES: Final[dict[Kind, str]] = {
    "database": "Restore a backup: `catalog-gen restore DIR --force`.",
    "image": "Restore a backup: `catalog-gen restore DIR --force`.",
    "mask": "Restore a backup: `catalog-gen restore DIR --force`.",
    "concept": "Restore a backup: `catalog-gen restore DIR --force`.",
    "recipe": "Restore a backup: `catalog-gen restore DIR --force`.",
    "live picture": "Restore a backup, or `catalog-gen rollback` to an earlier set.",
    "outbox file": "Nothing: the next refresh sets it aside and draws its pictures again.",
    "gallery file": "Delete it and run `catalog-gen gallery`: it writes the file anew.",
}


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged thing, and what to do about it."""

    kind: Kind
    name: str
    rule: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How much was read, and what is damaged. ``bytes`` counts the pictures' files."""

    images: int
    bytes: int
    recipes: int
    outbox_files: int
    outbox_images: int
    damaged: tuple[Damage, ...]

    def with_gallery(self, files: Iterable[tuple[str, str]]) -> "Verification":
        """Add damaged files of the gallery: their paths, and the rules that they break."""
        return replace(
            self, damaged=self.damaged + tuple(_damage("gallery file", *each) for each in files)
        )


def verify(store: Store, outbox: Outbox) -> Verification:
    """Hash everything: about 200 MB of pictures per second on one core.

    Raises:
        StoreBusyError: another process writes to the database.
        StoreError: the database is of an earlier or later version, or can't be read at all.
    """
    files, waiting, damaged = _verify_outbox(outbox)
    images = size = recipes = 0
    try:
        with store.peek() as connection:
            limit_memory(connection)
            pictures = store.pictures(connection)
            images, recipes = only_row(
                connection.execute("SELECT (SELECT count(*) FROM images), count(*) FROM recipes")
            )
            size = sum(size for _, size in pictures.listed())
            _read_all_tables(connection)
            for kind, query in _MATERIAL.items():
                addresses = connection.execute(query).fetchall()
                damaged += [
                    _damage(kind, address, "its bytes are gone, or not what was stored")
                    for address in sorted(
                        InDatabase(connection).broken(name for (name,) in addresses)
                    )
                ]
            damaged += [
                _damage("image", image_id, "its bytes are gone, or not what was stored")
                for image_id in damaged_images(connection, pictures)
            ]
            for kind, (rule, query) in _ROWS.items():
                damaged += [
                    _damage(kind, name, rule) for (name,) in connection.execute(query).fetchall()
                ]
    except CorruptionError as error:
        damaged.append(_damage("database", error.value, error.rule))
    return Verification(images, size, recipes, files, waiting, tuple(damaged))


def _verify_outbox(outbox: Outbox) -> tuple[int, int, list[Damage]]:
    files = pictures = 0
    damaged: list[Damage] = []
    for path in outbox.pending():
        try:
            rows = read_batch(path).rows
        except FileNotFoundError:
            continue  # a refresh has just ingested it
        except CorruptionError as error:
            damaged.append(_damage("outbox file", path.name, error.rule))
        else:
            pictures += rows.num_rows - rows["sha256"].null_count
        files += 1
    damaged += [
        _damage("outbox file", path.name, "it was found damaged and set aside")
        for path in sorted(Path(outbox.folder).glob("*.corrupt"))
    ]
    return files, pictures, damaged


def _read_all_tables(connection: DuckDBPyConnection) -> None:
    """Read every column of every table, so that every block's checksum is checked.

    Pictures' bytes are read by address: a scan would hold 2,048 of them at a time.
    """
    tables = connection.execute(
        """
        SELECT table_name FROM duckdb_tables()
        WHERE database_name = current_database() AND table_name <> 'image_bytes'
        """
    ).fetchall()
    for (table,) in tables:
        connection.execute(f'SELECT bit_xor(hash(COLUMNS(*))) FROM "{table}"').fetchall()


def _damage(kind: Kind, name: str, rule: str) -> Damage:
    return Damage(kind, name, rule, _REMEDIES[kind])
