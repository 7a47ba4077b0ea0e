"""Move all pictures' bytes to another place, and check all of them there.

First all pictures are copied and hashed at the target; then one transaction records the new place;
then the old one is emptied. After a kill at any moment, the pictures are complete in the place that
the database records, and another run continues.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from catalog_gen.errors import CorruptionError
from catalog_gen.picture_place import IN_DATABASE, IN_HOME
from catalog_gen.progress import report
from catalog_gen.store.compaction import compact
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.images import picture_addresses
from catalog_gen.store.pictures.lock import pictures_lock
from catalog_gen.store.pictures.pictures import is_whole, portions
from catalog_gen.store.pictures.place import (
    pictures_at,
    place_to_empty,
    record_place,
    recorded_place,
)

#: Pictures that are copied at a time.
_PORTION: Final = 64


@dataclass(frozen=True, slots=True)
class Moved:
    """The old and the new place, and the numbers of pictures copied and already there."""

    source: str
    target: str
    copied: int
    present: int


def move_pictures(store: Store, target: str) -> Moved:
    """Move every picture to ``target``, and record it as their place.

    Raises:
        CorruptionError: a picture is gone or damaged at the source; nothing was switched.
        StoreBusyError: a refresh draws, or another process copies pictures or holds the database.
        StoreError: a place can't be read or written.
    """
    home = store.home
    with drawing_lock(home, wait=False), pictures_lock(home, alone=True):
        with store.reading() as connection:
            source = recorded_place(connection) or IN_HOME
        if source == target:
            _leave(store)
            return Moved(source, target, 0, 0)
        done: set[str] = set()
        copied = 0
        while new := _addresses(store, without=done):
            for portion in portions(new, _PORTION):
                copied += _copy(store, source, target, portion)
                done.update(portion)
                report("move", len(done), len(done) + len(new))
        with store.writing(checkpoint=True) as connection:
            record_place(connection, target, leaving=source)
        _leave(store)
    return Moved(source, target, copied, len(done) - copied)


def _addresses(store: Store, *, without: set[str]) -> list[str]:
    with store.reading() as connection:
        return [each for each in picture_addresses(connection) if each not in without]


def _copy(store: Store, source: str, target: str, addresses: Sequence[str]) -> int:
    """Copy the pictures that the target lacks; returns their number."""
    with store.reading() as connection:
        lacking = sorted(pictures_at(store.home, target, connection).broken(addresses))
        found = pictures_at(store.home, source, connection).get(lacking)
    for address in lacking:
        if address not in found or not is_whole(address, found[address]):
            raise CorruptionError(
                f"picture {address}",
                f"its bytes in '{source}' are gone, or not what was stored",
                "Nothing was switched. Restore a backup, or see `catalog-gen verify`.",
            )
    with store.writing() as connection:
        pictures_at(store.home, target, connection).put(found)
    return len(lacking)


def _leave(store: Store) -> None:
    """Empty the old place of this catalog's pictures only, since other catalogs may share it."""
    with store.reading() as connection:
        left = place_to_empty(connection)
        if left is None:
            return
        addresses = picture_addresses(connection)
    with store.writing(checkpoint=True) as connection:
        pictures_at(store.home, left, connection).drop(addresses)
    if left == IN_DATABASE:
        compact(store)
    with store.writing(checkpoint=True) as connection:
        record_place(connection, recorded_place(connection) or IN_HOME)
