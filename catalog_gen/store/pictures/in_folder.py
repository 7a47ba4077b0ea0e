"""Pictures as files named by their SHA-256: ``3f/3f2a...c1.png``.

A file appears whole: under a temporary name, synced, renamed, and its folder synced. It is never
written again, so that it can be read-only and have hard links, such as the gallery's files.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import Final

from catalog_gen.errors import StoreError
from catalog_gen.store.files import put_in_place, sync_folder
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.unfinished import unfinished_folder

_NAME: Final = re.compile(r"[0-9a-f]{64}\.png")


class InFolder(Pictures):
    """A folder of pictures. The constructor does not touch the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, pictures: Mapping[str, bytes]) -> None:
        with self._reported("the pictures' folder can't be written"):
            new = {
                address: content
                for address, content in pictures.items()
                if self._hash(address) != address
            }
            if new:
                self._write(new)

    def get(self, addresses: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._reported("a picture can't be read"):
            for address in addresses:
                with suppress(FileNotFoundError):
                    found[address] = self._path(address).read_bytes()
        return found

    def listed(self) -> Iterator[tuple[str, int]]:
        with self._reported("the pictures' folder can't be read"):
            for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if _NAME.fullmatch(entry.name):
                            yield entry.name[:64], entry.stat().st_size

    def drop(self, addresses: Iterable[str]) -> None:
        folders: set[Path] = set()
        with self._reported("a picture can't be deleted"):
            for address in addresses:
                path = self._path(address)
                path.unlink(missing_ok=True)
                folders.add(path.parent)
            for folder in folders:
                if folder.exists():
                    sync_folder(folder)

    def file(self, address: str) -> Path | None:
        path = self._path(address)
        return path if path.exists() else None

    def broken(self, addresses: Iterable[str]) -> set[str]:
        with self._reported("a picture can't be read"):
            return {address for address in addresses if self._hash(address) != address}

    def _path(self, address: str) -> Path:
        return self.root / address[:2] / f"{address}.png"

    def _hash(self, address: str) -> str:
        """SHA-256 of the file as it is now; '' if there is none."""
        try:
            with self._path(address).open("rb") as stream:
                return file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            return ""

    def _write(self, pictures: Mapping[str, bytes]) -> None:
        with unfinished_folder(self.root) as temporary:
            files = [(temporary / address, self._path(address)) for address in pictures]
            for (written, target), content in zip(files, pictures.values(), strict=True):
                written.write_bytes(content)
                written.chmod(0o444)
                target.parent.mkdir(exist_ok=True)
            put_in_place(files)
            for folder in (self.root, self.root.parent):
                sync_folder(folder)

    @contextmanager
    def _reported(self, problem: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                str(error.filename or self.root),
                f"{problem} ({error.strerror})",
                "Free space or repair the folder, and run again: everything acknowledged is kept.",
            ) from error
