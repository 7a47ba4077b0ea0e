"""A folder of static files that a browser reads from disk or a web server serves unchanged.

Files are written under a temporary name, synced, then renamed. Files that already have the right
bytes are left alone, so a copy to a host sends only what changed. ``damaged_files`` checks data and
photos against ``manifest.json`` (size and SHA-256), pictures against their names (SHA-256), and the
page's end. The manifest is renamed before the page, so after a crash in between the old page is
still complete.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import TypeAdapter, ValidationError

from catalog_gen.errors import CorruptionError
from catalog_gen.store.files import put_in_place, served_folder

PAGE: Final = "index.html"
MANIFEST: Final = "manifest.json"
#: Files synced and renamed in one batch, so that their writes overlap.
_PENDING: Final = 128
_PNG_END: Final = b"IEND\xaeB`\x82"
#: Pictures: the name is the SHA-256 of the bytes.
_ADDRESSED: Final = re.compile(r"images/([0-9a-f]{64})\.png")
#: Files that this class writes and may therefore delete; all others belong to the user.
_OURS: Final = re.compile(
    r"images/[0-9a-f]{64}\.png|photos/[0-9a-f]{64}\.jpg|data/(index-)?[0-9a-f]{16}\.js"
)
_LOCK: Final = ".lock"
_FOLDERS: Final = ("data", "images", "photos")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as it was written: bytes, and their hash."""

    size: int
    sha256: str


_LISTING: Final = TypeAdapter(dict[str, Listed])


class SiteFolder:
    """Writes one version of the site; a second writer waits until the first has left.

    Use it as a context manager. Leaving it after an error removes files that were not renamed yet;
    renamed files are not used by the old page, and the next writer deletes them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._wanted: set[str] = set()
        self._listed: dict[str, Listed] = {}
        self._before: dict[str, Listed] = {}
        self._pending: list[tuple[Path, Path]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for folder in (self.root, *(self.root / name for name in _FOLDERS)):
            served_folder(folder)
        lock = self._open.enter_context((self.root / _LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in _partial_files(self.root):
            leftover.unlink(missing_ok=True)
        with suppress(CorruptionError):
            self._before = _manifest(self.root)
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

    def keeps(self, path: str, ending: bytes) -> bool:
        """Keep ``path`` if it exists and ends with these bytes; returns whether it does.

        A file torn by a power cut is empty, too short, or ends in zeros.
        """
        if path in self._wanted:
            return True
        target = self.root / path
        try:
            with target.open("rb") as stream:
                stream.seek(-len(ending), os.SEEK_END)
                whole = stream.read() == ending
        except OSError:
            return False
        if whole:
            self._keep(path, target)
        return whole

    def put(self, path: str, content: bytes, *, same: Path | None = None) -> None:
        """Write these bytes to ``path``, at the latest in ``settle``.

        Args:
            same: a file with these bytes that never changes: it gets another name instead of a
                second copy, where the file system has such links.
        """
        target = self.root / path
        if _is_listed(path):
            self._listed[path] = _listed(content)
        with suppress(OSError):
            if target.stat().st_size == len(content) and target.read_bytes() == content:
                self._keep(path, target)
                return
        self._wanted.add(path)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".partial")
        os.close(handle)
        partial = Path(name)
        self._pending.append((partial, target))
        if same is None or not _linked(same, partial):
            partial.write_bytes(content)
            partial.chmod(0o644)
        if len(self._pending) >= _PENDING:
            self.settle()

    def settle(self) -> None:
        """Sync and rename all files written so far."""
        put_in_place(self._pending)
        self._pending.clear()

    def finish(self, content: bytes) -> Path:
        """Write the manifest, then the page, and delete what the page does not name."""
        self.settle()
        self.put(MANIFEST, _LISTING.dump_json(dict(sorted(self._listed.items())), indent=0))
        self.settle()
        self.put(PAGE, content)
        self.settle()
        for name in _FOLDERS:
            for file in (self.root / name).iterdir():
                inside = f"{name}/{file.name}"
                if _OURS.fullmatch(inside) and inside not in self._wanted:
                    file.unlink(missing_ok=True)
        return self.root / PAGE

    def _keep(self, path: str, target: Path) -> None:
        if target.stat().st_mode & 0o444 != 0o444:
            target.chmod(0o644)
        self._wanted.add(path)
        if path not in self._listed and _is_listed(path):
            self._listed[path] = self._before.get(path) or _listed(target.read_bytes())


def abandoned_files(root: Path) -> list[Path]:
    """Unfinished files of killed writers of a site; none while a writer is at work."""
    try:
        with (root / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return _partial_files(root)
    except OSError:
        return []  # no site, or a writer holds the lock


def _partial_files(root: Path) -> list[Path]:
    folders = (root, *(root / name for name in _FOLDERS))
    return sorted(path for folder in folders for path in folder.glob(".*.partial"))


def _linked(file: Path, name: Path) -> bool:
    """Make ``name`` another name of a file; False on another disk, or one without hard links."""
    try:
        name.unlink()
        os.link(file, name)
    except OSError:
        name.touch()
        return False
    return True


def damaged_files(root: Path) -> Iterator[tuple[str, str]]:
    """Files of a written site that are missing or changed, with the rule that they break.

    A folder without a manifest has no finished site, so nothing in it counts as damaged.
    """
    try:
        listed = _manifest(root)
    except CorruptionError as error:
        yield MANIFEST, error.rule
        return
    page = root / PAGE
    if listed and not (page.exists() and page.read_bytes().rstrip().endswith(b"</html>")):
        yield PAGE, "it is not whole"
    for path, expected in sorted(listed.items()):
        problem = _problem(root / path, expected.sha256)
        if problem:
            yield path, problem
    for file in sorted((root / "images").glob("*.png")):
        if address := _ADDRESSED.fullmatch(f"images/{file.name}"):
            problem = _problem(file, address[1])
            if problem:
                yield f"images/{file.name}", problem


def torn_files(root: Path) -> Iterator[str]:
    """Files of a written site that a crash tore, by their sizes and ends: nothing is hashed."""
    try:
        listed = _manifest(root)
    except CorruptionError:
        yield MANIFEST
        return
    if listed and _end_of(root / PAGE, 64).rstrip()[-7:] != b"</html>":
        yield PAGE
    for path, expected in sorted(listed.items()):
        file = root / path
        if not file.is_file() or file.stat().st_size != expected.size:
            yield path
    for file in sorted((root / "images").glob("*.png")):
        if _end_of(file, len(_PNG_END)) != _PNG_END:
            yield f"images/{file.name}"


def _end_of(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as stream:
            stream.seek(-min(size, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return stream.read()
    except OSError:
        return b""


def _is_listed(path: str) -> bool:
    return path.startswith(("data/", "photos/"))


def _listed(content: bytes) -> Listed:
    return Listed(len(content), sha256(content).hexdigest())


def _manifest(root: Path) -> dict[str, Listed]:
    try:
        content = (root / MANIFEST).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return _LISTING.validate_json(content)
    except ValidationError:
        raise CorruptionError(
            str(root / MANIFEST), "it is not a list of files", "Run `catalog-gen gallery`."
        ) from None


def _problem(file: Path, expected: str) -> str:
    try:
        found = sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    return "" if found == expected else "its bytes are not those that were written"
