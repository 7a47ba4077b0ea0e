"""The pictures of a channel's export, and which of them can stay as they are.

``CHANNEL.pictures.json`` lists what the channel's exports wrote, and what each file was made from.
A file is listed once it is synced, so that a crash tears none that is listed. One that was made
from the same and has its size and time is left alone; after another program wrote it, its hash
counts. Other channels may share the folder: only what no other one lists is deleted.
"""

import re
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from pydantic import TypeAdapter, ValidationError

from catalog_gen.fingerprint import sha256_file
from catalog_gen.store.files import put_in_place, served_folder, write_whole
from catalog_gen.store.unfinished import unfinished_file

PICTURES: Final = "images"
#: Digits of the image id in a file name: enough to find the picture, and never the same twice.
NAME_LENGTH: Final = 32

_PICTURE: Final = re.compile(rf"{PICTURES}/[0-9a-f]{{{NAME_LENGTH}}}\.[a-z]{{3,4}}")
#: Files synced in one batch, so that their writes overlap.
_PENDING: Final = 256


class Written(NamedTuple):
    """A file as it was written.

    Attributes:
        made_of: the hash of everything that determines its bytes.
        sha256: of its bytes.
        size: in bytes.
        modified: nanoseconds since 1970.
    """

    made_of: str
    sha256: str
    size: int
    modified: int


_LISTING: Final = TypeAdapter(dict[str, Written])


class PictureFolder:
    """Writes one export's pictures below ``out``; use it as a context manager."""

    def __init__(self, out: Path, channel: str) -> None:
        self._out = out
        self._manifest = out / f"{channel}.pictures.json"
        self._former = _listed(self._manifest)
        self._written: dict[str, Written] = {}
        self._pending: list[tuple[str, Written, Path]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for folder in (self._out, self._out / PICTURES):
            served_folder(folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def keeps(self, name: str, made_of: str) -> int | None:
        """The size of a file that needs not be written, since it was made from the same."""
        if name in self._written:
            return self._written[name].size
        former = self._former.get(name)
        if former is None or former.made_of != made_of:
            return None
        path = self._out / name
        try:
            found = path.stat()
            if found.st_size != former.size:
                return None
            if found.st_mtime_ns != former.modified:
                if sha256_file(path) != former.sha256:
                    return None
                former = former._replace(modified=found.st_mtime_ns)
        except OSError:
            return None
        if found.st_mode & 0o444 != 0o444:
            path.chmod(0o644)
        self._written[name] = former
        return former.size

    def put(self, name: str, made_of: str, content: bytes) -> None:
        """Write a file, at the latest in ``settle``: readers see the old file or the new one."""
        stream, partial = self._open.enter_context(unfinished_file(self._out / PICTURES))
        stream.write(content)
        stream.flush()
        partial.chmod(0o644)
        written = Written(made_of, sha256(content).hexdigest(), len(content), 0)
        self._pending.append((name, written, partial))
        if len(self._pending) == _PENDING:
            self.settle()

    def settle(self) -> None:
        """Sync and rename all files written so far."""
        settled = {
            name: written._replace(modified=partial.stat().st_mtime_ns)
            for name, written, partial in self._pending
        }
        put_in_place([(partial, self._out / name) for name, _, partial in self._pending])
        self._written |= settled
        self._pending.clear()
        self._open.close()

    def announce(self) -> None:
        """List all files, the former export's as well: a kill leaves none without an owner."""
        self.settle()
        self._list({**self._former, **self._written})

    def finish(self, kept: set[str]) -> None:
        """Delete the channel's files but for ``kept`` and those that another channel lists."""
        manifests = self._out.glob("*.pictures.json")
        others = (_listed(path).keys() for path in manifests if path != self._manifest)
        for name in {*self._former, *self._written} - kept - set().union(*others):
            (self._out / name).unlink(missing_ok=True)
        self._list({name: self._written[name] for name in kept})

    def _list(self, files: dict[str, Written]) -> None:
        write_whole(self._manifest, _LISTING.dump_json(dict(sorted(files.items()))))


def _listed(manifest: Path) -> dict[str, Written]:
    """The pictures that a channel's exports into this folder wrote; none where nothing says so."""
    try:
        found = _LISTING.validate_json(manifest.read_bytes())
    except (OSError, ValidationError):
        return {}
    return {name: each for name, each in found.items() if _PICTURE.fullmatch(name)}
