"""The cutouts table: products' masks in their photos, by photo and maker."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError
from catalog_gen.store.relations import registered, registered_rows, strings


@dataclass(frozen=True, slots=True)
class CutoutRow:
    """One photo's mask, or why it has none."""

    photo_sha256: str
    maker: str
    made_by: str
    mask_sha256: str
    problem: str
    area: float
    seconds: float
    made_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class KnownCutout:
    """The hash of a photo's mask, or if that is empty, why the photo can't be cut out."""

    mask_sha256: str
    problem: str


@dataclass(frozen=True, slots=True)
class _Bytes:
    sha256: str
    bytes: bytes


def save_cutouts(
    connection: DuckDBPyConnection, rows: Sequence[CutoutRow], masks: Mapping[str, bytes]
) -> None:
    """Store cutouts, and their masks' PNG files by SHA-256; existing ones stay as they are."""
    files = [_Bytes(*each) for each in masks.items()]
    with registered_rows(connection, "new_masks", _Bytes, files):
        connection.execute(
            """
            INSERT INTO image_bytes BY NAME
            SELECT * FROM new_masks ANTI JOIN image_bytes USING (sha256)
            """
        )
    with registered_rows(connection, "new_cutouts", CutoutRow, rows):
        connection.execute("INSERT INTO cutouts BY NAME FROM new_cutouts ON CONFLICT DO NOTHING")


def known_cutouts(connection: DuckDBPyConnection, maker: str) -> dict[str, KnownCutout]:
    """What a maker made, by the photo's hash."""
    rows = connection.execute(
        "SELECT photo_sha256, mask_sha256, problem FROM cutouts WHERE maker = ?", [maker]
    ).fetchall()
    return {photo: KnownCutout(*rest) for photo, *rest in rows}


def stored_masks(connection: DuckDBPyConnection, hashes: Collection[str]) -> dict[str, bytes]:
    """The PNG files of these masks, by SHA-256; those that are gone are left out.

    Raises:
        CorruptionError: a mask's bytes no longer hash to their address.
    """
    with registered(connection, "wanted_masks", strings(hashes)):
        rows = connection.execute(
            "SELECT sha256, bytes FROM image_bytes SEMI JOIN wanted_masks ON sha256 = value"
        ).fetchall()
    found = {address: bytes(content) for address, content in rows}
    for address, content in found.items():
        if sha256(content).hexdigest() != address:
            raise CorruptionError(
                f"mask {address[:16]}",
                "its bytes are not what was stored",
                "Restore a backup: `catalog-gen restore DIR --force`.",
            )
    return found
