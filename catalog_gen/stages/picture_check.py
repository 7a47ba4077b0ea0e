"""Compare stored pictures with their hashes, a share of them every night."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.images import images_at, picture_addresses
from catalog_gen.store.picture_checks import due_slices, record_checks, slice_of
from catalog_gen.store.relations import limit_memory


@dataclass(frozen=True, slots=True)
class CheckedPictures:
    """How many of all pictures were checked, and the ids of those that are damaged."""

    checked: int
    stored: int
    damaged: tuple[str, ...]


def check_pictures(catalog: Catalog, stamp: Stamp) -> CheckedPictures:
    """Hash the pictures whose turn it is: all of them within ``store.check_nights`` nights.

    Those that were found damaged before are looked at every night.

    Raises:
        StoreBusyError: another process holds the database.
        StoreError: the pictures' place can't be read.
    """
    nights = catalog.settings.store.check_nights
    with catalog.store.reading() as connection:
        limit_memory(connection)
        stored = picture_addresses(connection)
        due = due_slices(connection, Counter(map(slice_of, stored)), nights)
        addresses = [address for address in stored if slice_of(address) in due]
        broken = sorted(catalog.store.pictures(connection).broken(addresses))
        damaged = images_at(connection, broken)
    by_slice: dict[int, list[str]] = defaultdict(list)
    for address in broken:
        by_slice[slice_of(address)].append(address)
    sizes = Counter(map(slice_of, addresses))
    if sizes:
        with catalog.store.writing() as connection:
            record_checks(connection, sizes, by_slice, stamp.run_id, stamp.now)
    return CheckedPictures(len(addresses), len(stored), tuple(damaged))
