"""Read stored pictures; their bytes are checked against their hash on every read.

Only the outbox writes pictures. Functions that read bytes take their place, which
``Store.pictures`` returns.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError, InputError
from catalog_gen.recipe import Environment, Recipe
from catalog_gen.store.pictures.pictures import Pictures, is_whole
from catalog_gen.store.relations import among, first_row, limit_memory, registered, strings

#: Hexadecimal digits below which a prefix is more likely a mistake than an address.
SHORTEST_PREFIX: Final = 4


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture's row, with what is needed to draw it again; the product is the first it is for."""

    image_id: str
    sha256: str
    recipe: Recipe
    environment: Environment
    product_id: str
    view: str
    reference: str
    dropped: bool
    """Whether retention has deleted its bytes; ``pixels_sha256`` knows it again."""
    pixels_sha256: str | None


@dataclass(frozen=True, slots=True)
class ImageOrigin:
    """The provenance that is embedded in a picture's file. Width and height in pixels."""

    image_id: str
    sha256: str
    recipe: Recipe
    width: int
    height: int
    created_at: datetime


def image_origins(
    connection: DuckDBPyConnection, image_ids: Sequence[str]
) -> dict[str, ImageOrigin]:
    """The origins of these pictures, by image id."""
    rows = connection.execute(
        """
        SELECT image_id, sha256, recipe, width, height, created_at
        FROM images JOIN recipes ON recipe_id = image_id
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))
        """,
        {"ids": list(image_ids)},
    ).fetchall()
    return {
        image_id: ImageOrigin(image_id, sha256, Recipe.model_validate_json(recipe), *rest)
        for image_id, sha256, recipe, *rest in rows
    }


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A stored PNG's width and height in pixels, and its size in bytes."""

    width: int
    height: int
    size: int


def image_files(connection: DuckDBPyConnection, image_ids: Sequence[str]) -> dict[str, ImageFile]:
    """The sizes of these pictures' files, by image id."""
    rows = connection.execute(
        """
        SELECT image_id, width, height, size FROM images
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))
        """,
        {"ids": list(image_ids)},
    ).fetchall()
    return {image_id: ImageFile(*facts) for image_id, *facts in rows}


def stored_png(connection: DuckDBPyConnection, pictures: Pictures, image_id: str) -> bytes:
    """The bytes of a picture's PNG file.

    Raises:
        InputError: there is no such picture, or retention has deleted its bytes.
        CorruptionError: its bytes are gone, or no longer hash to their address.
    """
    return stored_pngs(connection, pictures, [image_id])[image_id]


def stored_pngs(
    connection: DuckDBPyConnection, pictures: Pictures, image_ids: Sequence[str]
) -> dict[str, bytes]:
    """The bytes of several pictures' PNG files by image id.

    Raises:
        InputError: there is no such picture, or retention has deleted its bytes.
        CorruptionError: a picture's bytes are gone, or no longer hash to their address.
    """
    rows = connection.execute(
        """
        SELECT image_id, sha256, dropped_at FROM images
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))
        """,
        {"ids": list(image_ids)},
    ).fetchall()
    addresses = {image_id: address for image_id, address, _ in rows}
    for image_id, _, dropped_at in rows:
        if dropped_at is not None:
            raise _dropped(image_id, dropped_at)
    for image_id in image_ids:
        if image_id not in addresses:
            raise _unknown(image_id)
    found = pictures.get(sorted(set(addresses.values())))
    return {
        image_id: _checked(image_id, address, found.get(address))
        for image_id, address in addresses.items()
    }


def png_at(pictures: Pictures, image_id: str, address: str) -> bytes:
    """The bytes of a picture's PNG file, for one whose address is known.

    Raises:
        CorruptionError: its bytes are gone, or no longer hash to their address.
    """
    return _checked(image_id, address, pictures.get([address]).get(address))


def _checked(image_id: str, address: str, content: bytes | None) -> bytes:
    """Return a picture's bytes after checking their hash."""
    if content is None or not is_whole(address, content):
        raise CorruptionError(
            f"image {image_id}",
            f"its bytes are {'gone' if content is None else 'not what was stored'}",
            "Restore a backup: `catalog-gen restore DIR --force`.",
        )
    return content


def find_image(connection: DuckDBPyConnection, prefix: str) -> str:
    """The id of the only picture whose id, or whose bytes' SHA-256, begins with the prefix.

    Raises:
        InputError: the prefix is not hexadecimal, too short, unknown, or fits several pictures.
    """
    wanted = prefix.strip().lower()
    if len(wanted) < SHORTEST_PREFIX or set(wanted) - set("0123456789abcdef"):
        raise InputError(
            repr(prefix),
            f"an image is named by at least {SHORTEST_PREFIX} hexadecimal digits",
            "Take image_id or sha256 from `catalog-gen sql 'FROM live_images'`.",
        )
    rows = connection.execute(
        """
        SELECT image_id FROM images
        WHERE starts_with(image_id, $wanted) OR starts_with(sha256, $wanted)
        ORDER BY image_id LIMIT 4
        """,
        {"wanted": wanted},
    ).fetchall()
    if not rows:
        raise _unknown(prefix)
    if len(rows) > 1:
        raise InputError(
            prefix,
            "fits several images: " + ", ".join(image_id[:16] for (image_id,) in rows),
            "Give more digits.",
        )
    return str(rows[0][0])


def stored_image(connection: DuckDBPyConnection, image_id: str) -> StoredImage:
    """A picture's recipe, environment and origin.

    Raises:
        InputError: there is no such picture, or its recipe is not in this database.
    """
    row = first_row(
        connection.execute(
            """
        SELECT images.image_id, images.sha256, recipes.recipe, environments.environment,
            coalesce(prompts.product_id, ''), coalesce(prompts.view, ''),
            coalesce(products.reference, ''), images.dropped_at IS NOT NULL, images.pixels_sha256
        FROM images
        JOIN recipes ON recipes.recipe_id = images.image_id
        JOIN environments USING (environment_id)
        LEFT JOIN prompts USING (prompt_id)
        LEFT JOIN products ON products.product_id = prompts.product_id
        WHERE images.image_id = ?
        """,
            [image_id],
        )
    )
    if row is None:
        raise _unknown(image_id)
    identity, address, recipe, environment, *rest = row
    return StoredImage(
        identity,
        address,
        Recipe.model_validate_json(recipe),
        Environment.model_validate_json(environment),
        *rest,
    )


def picture_addresses(connection: DuckDBPyConnection) -> list[str]:
    """The addresses of all pictures whose bytes are kept, in order."""
    rows = connection.execute(
        "SELECT DISTINCT sha256 FROM images WHERE dropped_at IS NULL ORDER BY sha256"
    ).fetchall()
    return [address for (address,) in rows]


def kept_among(connection: DuckDBPyConnection, image_ids: Sequence[str]) -> set[str]:
    """Those of these pictures whose bytes are stored."""
    return among(connection, image_ids, "SELECT image_id FROM images WHERE dropped_at IS NULL")


def damaged_images(connection: DuckDBPyConnection, pictures: Pictures) -> list[str]:
    """The ids of pictures whose bytes are missing or do not hash to their address, in order.

    Reads everything, a few pictures at a time: about 200 MB of them per second on one core.
    """
    limit_memory(connection)
    return images_at(connection, pictures.broken(picture_addresses(connection)))


def images_at(connection: DuckDBPyConnection, addresses: Iterable[str]) -> list[str]:
    """The ids of pictures whose bytes should be at these addresses, in order."""
    with registered(connection, "broken_pictures", strings(addresses)):
        rows = connection.execute(
            """
            SELECT image_id FROM images
            WHERE dropped_at IS NULL AND sha256 IN (FROM broken_pictures) ORDER BY image_id
            """
        ).fetchall()
    return [image_id for (image_id,) in rows]


def _dropped(image_id: str, dropped_at: datetime) -> InputError:
    return InputError(
        f"image {image_id}",
        f"its bytes were deleted on {dropped_at:%Y-%m-%d}, as [retention] says",
        f"`catalog-gen reproduce {image_id[:16]}` draws it again and keeps it.",
    )


def _unknown(image: str) -> InputError:
    return InputError(
        image,
        "no stored image has this id or SHA-256",
        "Take image_id or sha256 from `catalog-gen sql 'FROM live_images'`.",
    )


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A picture that a run drew: the product that asked for it first, and why."""

    image_id: str
    product_id: str
    title: str
    shard: int
    view: str
    reason: str


def pictures_of_run(connection: DuckDBPyConnection, run_id: str, limit: int) -> list[DrawnPicture]:
    """A run's first pictures in order of id; ids are hashes, so this is a fair sample."""
    rows = connection.execute(
        """
        SELECT image_id, product_id, products.title, prompts.shard, ledger.view, ledger.reason
        FROM (SELECT image_id FROM images WHERE run_id = ? ORDER BY image_id LIMIT ?)
        JOIN ledger ON ledger.recipe_id = image_id
        JOIN prompts USING (prompt_id)
        JOIN products USING (product_id)
        ORDER BY image_id
        """,
        [run_id, limit],
    ).fetchall()
    return [DrawnPicture(*row) for row in rows]


def sample_images(connection: DuckDBPyConnection, limit: int) -> list[str]:
    """The first ids in order; ids are hashes, so this is a fair sample of all."""
    rows = connection.execute(
        "SELECT image_id FROM images ORDER BY image_id LIMIT ?", [limit]
    ).fetchall()
    return [image_id for (image_id,) in rows]
