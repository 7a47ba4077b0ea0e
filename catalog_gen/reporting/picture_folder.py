"""The pictures of a channel's export, and which of them can stay as they are.

A file that was made from the same as it would be now, and has its size and time, is left alone;
after another program wrote it, its hash counts. Several channels may share a folder: only what no
other one lists is deleted.
"""

from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from catalog_gen.fingerprint import sha256_file
from catalog_gen.reporting.picture_listing import PICTURES, PictureListing, Written
from catalog_gen.store.files import put_in_place, readable_folder, served_folder
from catalog_gen.store.unfinished import unfinished_file

#: Files synced in one batch, so that their writes overlap.
_PENDING: Final = 256


class PictureFolder:
    """Writes one export's pictures below ``out``; use it as a context manager.

    Its methods raise an ``OSError`` or a ``StoreError`` if the folder can't be written, entering
    it also if another export for the channel is running there.
    """

    def __init__(self, out: Path, channel: str) -> None:
        self._out, self._channel = out, channel
        self._shown: set[int] = set()
        self._pending: dict[str, tuple[Written, Path]] = {}
        self._partials = ExitStack()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        served_folder(self._out)
        readable_folder(self._out / PICTURES)
        self._listing = PictureListing(self._out, self._channel)
        self._open.callback(self._listing.close)
        self._open.enter_context(self._partials)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def __len__(self) -> int:
        """How many files the export shows so far."""
        return len(self._shown) + len(self._pending)

    def keeps(self, name: str, made_of: str) -> int | None:
        """The size of a file that needs not be written, since it was made from the same."""
        if name in self._pending:
            return self._pending[name][0].size
        found = self._listing.find(name)
        if found is None or found[1].made_of != made_of:
            return None
        listed, path = found[1], self._out / name
        try:
            state = path.stat()
            if state.st_size != listed.size:
                return None
            if state.st_mtime_ns != listed.modified:
                if sha256_file(path) != listed.sha256:
                    return None
                self._listing.put({name: listed._replace(modified=state.st_mtime_ns)})
        except OSError:
            return None
        if state.st_mode & 0o444 != 0o444:
            path.chmod(0o644)
        return listed.size

    def show(self, name: str) -> None:
        """Count a kept file among those that the export shows: ``finish`` leaves it."""
        if name not in self._pending:
            found = self._listing.find(name)
            assert found is not None, name
            self._shown.add(found[0])

    def put(self, name: str, made_of: str, content: bytes) -> None:
        """Write a file to be shown, at the latest in ``settle``: readers see the old or the new."""
        stream, partial = self._partials.enter_context(unfinished_file(self._out))
        stream.write(content)
        stream.flush()
        partial.chmod(0o644)
        modified = partial.stat().st_mtime_ns
        written = Written(made_of, sha256(content).hexdigest(), len(content), modified)
        self._pending[name] = written, partial
        if len(self._pending) == _PENDING:
            self.settle()

    def settle(self) -> None:
        """List all files written so far, then sync and rename them."""
        self._listing.put({name: written for name, (written, _) in self._pending.items()})
        self._listing.commit()
        put_in_place([(partial, self._out / name) for name, (_, partial) in self._pending.items()])
        names = list(self._pending)
        self._pending.clear()
        self._partials.close()
        for name in names:
            self.show(name)

    def finish(self) -> None:
        """Delete the channel's files that are not shown, but for those that other channels list."""
        self.settle()
        gone = self._listing.all_but(self._shown)
        for name in self._listing.own(gone):
            (self._out / name).unlink(missing_ok=True)
        self._listing.remove(gone)
        self._listing.commit()
