"""The outbox of workers that can't reach the catalog's outbox.

Workers leave files in a shared folder or a bucket; the catalog's machine fetches them into its
outbox, from where they are ingested. A file is deleted at the workers' end once it is durable at
the catalog's. Its name ends with its hash, so that a file that is fetched twice is ingested once.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from catalog_gen.home import Home
from catalog_gen.picture_place import IN_HOME, is_bucket
from catalog_gen.store.bucket import Bucket
from catalog_gen.store.outbox import BatchFiles, Outbox
from catalog_gen.store.outbox_file import SUFFIX, hashes_to_its_name


class BucketOutbox(BatchFiles):
    """Outbox files as objects of a bucket. The constructor sends nothing."""

    def __init__(self, place: str) -> None:
        self._bucket = Bucket(place)

    def keep(self, name: str, content: bytes) -> None:
        self._bucket.put(name, content)

    def names(self) -> list[str]:
        return sorted(path for path, _ in self._bucket.listed() if path.endswith(SUFFIX))

    def content(self, name: str) -> bytes | None:
        return self._bucket.get(name, partial(hashes_to_its_name, name))

    def discard(self, names: Sequence[str]) -> None:
        self._bucket.delete(names)


def workers_outbox(home: Home, place: str) -> BatchFiles:
    """The outbox that workers write to: "folder" is the catalog's, else a folder or a bucket."""
    if place == IN_HOME:
        return Outbox(home.outbox)
    return BucketOutbox(place) if is_bucket(place) else Outbox(Path(place))


def fetch(source: BatchFiles, outbox: Outbox) -> int:
    """Move waiting files from a workers' outbox to the catalog's; returns their number.

    Safe to repeat and to kill. A file that is damaged at its source arrives damaged, and ingestion
    sets it aside.

    Raises:
        StoreError: one of the two can't be read or written; what was not moved waits.
    """
    fetched = 0
    for name in source.names():
        content = source.content(name)
        if content is not None:  # nobody else has just fetched it
            outbox.keep(name, content)
            source.discard([name])
            fetched += 1
    return fetched
