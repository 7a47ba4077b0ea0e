"""Enlarged pictures in a folder, so that an export enlarges a picture once.

Only a model's are kept: it takes seconds to minutes for a picture on a CPU, a shop exports all of
its pictures for each channel and night, and the same picture, model and size give the same pixels.
A file's name begins with the picture's SHA-256; those of pictures that are no longer live are
deleted. Nothing is lost with the folder.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from catalog_gen.fingerprint import sha256_json
from catalog_gen.store.files import write_whole


class EnlargedPictures:
    """A folder of PNG files. The constructor does not touch the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kept(
        self, sha256: str, by: str, width: int, height: int, make: Callable[[], bytes]
    ) -> bytes:
        """The PNG of a picture (by its hash) at a size, made and stored if it is not there."""
        path = self._folder / f"{sha256}-{sha256_json([by, width, height])[:16]}.png"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            content = make()
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            return content

    def keep_only(self, pictures: Collection[str]) -> None:
        """Delete what was made of other pictures than these, by their hashes."""
        for path in self._folder.glob("*.png"):
            if path.name.partition("-")[0] not in pictures:
                path.unlink(missing_ok=True)
