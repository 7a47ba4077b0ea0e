"""Small pictures of many cells, each read and shrunk once."""

import base64
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from catalog_gen.reporting.thumbnail import small_file
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.images import stored_pngs

#: Longest side, in pixels, and how many are kept: 40 MB of them.
SIDE: Final = 128
_MOST: Final = 8192


@dataclass(slots=True)
class Thumbnails:
    """``data:`` URLs by image id; usable from several threads."""

    _kept: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _files: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def waiting(self, catalog: Catalog) -> frozenset[str]:
        """The pictures that were drawn and are on their way into the database."""
        names = catalog.outbox.names()
        for name in names:
            if name not in self._files:
                pictures = catalog.outbox.pictures(name)
                self._keep(pictures)
                self._files[name] = frozenset(pictures)
        for gone in set(self._files).difference(names):
            del self._files[gone]
        return frozenset().union(*self._files.values())

    def of(
        self, catalog: Catalog, image_ids: Collection[str], *, stored: Collection[str]
    ) -> dict[str, str]:
        """Those of pictures that were seen waiting, or that the store has."""
        with self._lock:
            missing = [each for each in image_ids if each in stored and each not in self._kept]
        if missing:
            with catalog.store.reading() as connection:
                self._keep(stored_pngs(connection, catalog.store.pictures(connection), missing))
        with self._lock:
            return {each: self._kept[each] for each in image_ids if each in self._kept}

    def _keep(self, pngs: Mapping[str, bytes]) -> None:
        small = {image_id: _url(small_file(png, SIDE)) for image_id, png in pngs.items()}
        with self._lock:
            self._kept.update(small)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)


def _url(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"
