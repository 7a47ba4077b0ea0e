"""Delete the bytes of pictures that nothing shows any more; rows and recipes stay.

The order makes it safe to be killed: a picture's row says that its bytes are gone before they are,
and what is left over is deleted the next time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from catalog_gen.imaging.decode import PictureError
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.picture_place import IN_DATABASE
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.compaction import compact
from catalog_gen.store.pictures.lock import pictures_lock
from catalog_gen.store.pictures.place import recorded_place
from catalog_gen.store.retention import (
    DroppedRow,
    OldPicture,
    mark_dropped,
    mark_kept,
    old_pictures,
    unneeded_addresses,
)
from catalog_gen.store.runs import note_figures

#: Pictures that are in memory at a time.
_PORTION: Final = 64
#: Share of the database that deleted pictures must have taken for it to be compacted.
_WORTH_IT: Final = 0.2


@dataclass(frozen=True, slots=True)
class Dropped:
    """Pictures whose bytes were deleted, and how many bytes they had."""

    pictures: int = 0
    bytes: int = 0


def drop_old_pictures(catalog: Catalog, stamp: Stamp) -> Dropped:
    """Apply ``[retention]``; notes ``retention`` with the run.

    A damaged picture keeps its bytes: the nightly check reports it.

    Raises:
        StoreBusyError: a backup copies the pictures, or another process holds the database.
        StoreError: the pictures' place can't be read or written.
    """
    settings = catalog.settings.retention
    if settings.nights is None:
        return Dropped()
    with pictures_lock(catalog.home, alone=True):
        with catalog.store.reading() as connection:
            old = old_pictures(
                connection, nights=settings.nights, publications=settings.publications
            )
        count = size = 0
        for start in range(0, len(old), _PORTION):
            portion = old[start : start + _PORTION]
            rows = _known_again(catalog, portion)
            known = {row.image_id for row in rows}
            with catalog.store.writing() as connection:
                mark_dropped(connection, rows, now=stamp.now)
            count += len(rows)
            size += sum(each.size for each in portion if each.image_id in known)
        _delete(catalog)
    with catalog.store.writing() as connection:
        figures = {"pictures": count, "bytes": size}
        note_figures(connection, stamp.run_id, "retention", figures, stamp.now)
    return Dropped(count, size)


def keep_again(catalog: Catalog, image_id: str, address: str, png: bytes) -> None:
    """Put bytes back that were deleted, since somebody wants to see them; they are new again."""
    with catalog.store.writing() as connection:
        catalog.store.pictures(connection).put({address: png})
        mark_kept(connection, [image_id])


def pixels_hash(pixels: object) -> str:
    """SHA-256 of a picture's pixels, (H, W, 3) uint8: the same in every file format."""
    import numpy as np

    array = np.ascontiguousarray(pixels)
    return sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()


def _known_again(catalog: Catalog, portion: Sequence[OldPicture]) -> list[DroppedRow]:
    """The hashes of the pictures' pixels; those that can't be decoded are left out."""
    with catalog.store.reading() as connection:
        found = catalog.store.pictures(connection).get([each.sha256 for each in portion])
    rows: list[DroppedRow] = []
    for each in portion:
        content = found.get(each.sha256)
        if content is None or sha256(content).hexdigest() != each.sha256:
            continue
        try:
            rows.append(DroppedRow(each.image_id, pixels_hash(decode(content))))
        except PictureError:
            continue
    return rows


def _delete(catalog: Catalog) -> None:
    """Delete what rows say is gone, and give the space back to the disk.

    A database is written anew only when that makes it much smaller: new pictures fill the holes.
    """
    with catalog.store.writing(checkpoint=True) as connection:
        pictures = catalog.store.pictures(connection)
        unneeded = set(unneeded_addresses(connection))
        present = {name: size for name, size in pictures.listed() if name in unneeded}
        pictures.drop(present)
        inside = recorded_place(connection) == IN_DATABASE
    if inside and sum(present.values()) > _WORTH_IT * catalog.home.database.stat().st_size:
        compact(catalog.store)
