"""A folder of static files that a browser reads from disk or a web server serves unchanged.

Files are written under a temporary name, synced, then renamed. Files that already have the right
bytes are left alone, so a copy to a host sends only what changed. The manifest is renamed before
the page, so after a crash in between the old page is still complete.

A file that has its size, and that nothing touched since the manifest was written, is as it was: its
change time, which no program can set, is earlier. One that was touched is read. So a night opens
only what changed, and keeps no times of two million pictures. What changed while a clock was behind
is left to ``site_checks``: a file that was deleted is written anew in any case.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from catalog_gen.errors import CorruptionError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.reporting.site_manifest import (
    MANIFEST,
    DataFile,
    Listed,
    Manifest,
    read_manifest,
    to_json,
)
from catalog_gen.store.files import put_in_place, readable_folder, served_folder

PAGE: Final = "index.html"
#: A writer holds it.
LOCK: Final = ".lock"
_FOLDERS: Final = ("data", "images", "photos")
#: The final bytes of a complete PNG: the chunk IEND and its checksum.
PNG_END: Final = b"IEND\xaeB`\x82"
#: Pictures: the name is the SHA-256 of the bytes.
ADDRESSED: Final = re.compile(r"([0-9a-f]{64})\.png")
#: The files in ``data`` and ``photos`` that this class writes and may therefore delete; all others
#: belong to the user.
_OURS: Final = re.compile(r"photos/[0-9a-f]{64}\.jpg|data/(index-)?[0-9a-f]{16}\.js")
#: Files synced and renamed in one batch, so that their writes overlap.
_PENDING: Final = 128


class SiteFolder:
    """Writes one version of the site; a second writer waits until the first has left.

    Use it as a context manager. Leaving it after an error removes files that were not renamed yet;
    renamed files are not used by the old page, and the next writer deletes them.

    Attributes:
        former: what the last writer listed; nothing if its list can't be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.former = Manifest()
        self._settled_at = 0
        self._listed: dict[str, Listed] = {}
        self._dropped: list[str] = []
        self._pending: list[tuple[Path, Path]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        served_folder(self.root)
        for name in _FOLDERS:
            readable_folder(self.root / name)
        lock = self._open.enter_context((self.root / LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in partial_files(self.root):
            leftover.unlink(missing_ok=True)
        with suppress(CorruptionError, FileNotFoundError):
            self.former = read_manifest(self.root)
            self._settled_at = (self.root / MANIFEST).stat().st_ctime_ns
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for partial, _ in self._pending:
            partial.unlink(missing_ok=True)
        self._pending.clear()
        self._open.close()

    def is_whole(self, path: str) -> bool:
        """Whether data or a photo is there as the last writer listed it."""
        listed, file = self.former.files.get(path), self.root / path
        if listed is None:
            return False
        try:
            found = file.stat()
            if found.st_size != listed.size:
                return False
            if found.st_ctime_ns >= self._settled_at and sha256_file(file) != listed.sha256:
                return False
            _make_readable(file, found)
        except OSError:
            return False
        return True

    def opened(self, path: str) -> BinaryIO:
        """A file of the site, open for reading until the writer leaves."""
        return self._open.enter_context((self.root / path).open("rb"))

    def keeps(self, *paths: str) -> bool:
        """Keep data and photos if all of them are whole; returns whether they are."""
        others = [path for path in paths if path not in self._listed]
        if not all(self.is_whole(path) for path in others):
            return False
        self._listed |= {path: self.former.files[path] for path in others}
        return True

    def put(self, path: str, content: bytes | memoryview, *, same: Path | None = None) -> None:
        """Write these bytes to ``path``, at the latest in ``settle``.

        Args:
            same: a file with these bytes that never changes: it gets another name instead of a
                second copy, where the file system has such links.
        """
        target = self.root / path
        if path.startswith(("data/", "photos/")):
            listed = Listed(len(content), sha256(content).hexdigest())
            self._listed[path] = listed
            if listed == self.former.files.get(path) and self.is_whole(path):
                return
        with suppress(OSError):
            found = target.stat()
            if found.st_size == len(content) and target.read_bytes() == content:
                _make_readable(target, found)
                return
        handle, name = tempfile.mkstemp(dir=self.root, prefix=".", suffix=".partial")
        os.close(handle)
        partial = Path(name)
        self._pending.append((partial, target))
        if same is None or not _linked(same, partial):
            partial.write_bytes(content)
            partial.chmod(0o644)
        if len(self._pending) >= _PENDING:
            self.settle()

    def pictures(self) -> Iterator[tuple[str, int]]:
        """Addresses and sizes in bytes of the pictures that are there, in any order; 0: torn.

        Of those that were touched the end is read: a picture torn by a power cut is empty, too
        short, or ends in zeros.
        """
        with os.scandir(self.root / "images") as entries:
            for entry in entries:
                if not (named := ADDRESSED.fullmatch(entry.name)):
                    continue
                found = entry.stat()
                _make_readable(entry.path, found)
                untouched = found.st_ctime_ns < self._settled_at
                whole = untouched or read_end(entry.path, len(PNG_END)) == PNG_END
                yield named[1], found.st_size if whole else 0

    def drop(self, addresses: Iterable[str]) -> None:
        """Delete these pictures, once the page that shows them is replaced."""
        self._dropped += addresses

    def settle(self) -> None:
        """Sync and rename all files written so far."""
        put_in_place(self._pending)
        self._pending.clear()

    def finish(self, page: bytes, *, index: str = "", data: Sequence[DataFile] = ()) -> Path:
        """Write the manifest, then the page, and delete what the page does not name.

        Args:
            index: the path of the page's index, if it has one.
            data: the data files that it lists, in order.
        """
        self.settle()
        self.put(MANIFEST, to_json(Manifest(dict(sorted(self._listed.items())), index, data)))
        self.settle()
        os.utime(self.root / MANIFEST)
        self.put(PAGE, page)
        self.settle()
        for name in ("data", "photos"):
            for file in (self.root / name).iterdir():
                inside = f"{name}/{file.name}"
                if _OURS.fullmatch(inside) and inside not in self._listed:
                    file.unlink(missing_ok=True)
        for address in self._dropped:
            (self.root / "images" / f"{address}.png").unlink(missing_ok=True)
        return self.root / PAGE


def partial_files(root: Path) -> list[Path]:
    """Files of a site that a writer has not renamed yet: none is in a folder of millions."""
    return sorted(root.glob(".*.partial"))


def read_end(file: Path | str, size: int) -> bytes:
    """The last bytes of a file, at most ``size``; none if it can't be read."""
    try:
        with open(file, "rb") as stream:
            stream.seek(-min(size, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return stream.read()
    except OSError:
        return b""


def _make_readable(file: Path | str, found: os.stat_result) -> None:
    if found.st_mode & 0o444 != 0o444:
        os.chmod(file, 0o644)


def _linked(file: Path, name: Path) -> bool:
    """Make ``name`` another name of a file; False on another disk, or one without hard links."""
    try:
        name.unlink()
        os.link(file, name)
    except OSError:
        name.touch()
        return False
    return True
