"""Fetched photos on disk: files named by the hash of their bytes, and a journal of addresses.

The journal is a line of JSON for every photo that came or did not; the last line of an address
counts. A line is written after its file, so that whatever is killed, a journal never names a file
that was not written whole. Files stay when addresses change: pictures were drawn from them, and can
be drawn again only from them.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

from catalog_gen.photos.download import Known, Photo
from catalog_gen.store.files import sync_file, write_whole

_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.[a-z]{3,4}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an address.

    ``name`` is the photo's file below the shelf's folder, of ``size`` bytes, '' if it never came;
    ``problem`` says why the last request did not bring it; ``asked_at`` is when that was, ISO 8601
    in UTC.
    """

    name: str = ""
    etag: str = ""
    modified: str = ""
    size: int = 0
    problem: str = ""
    asked_at: str = ""


_FIELDS: Final = tuple(each.name for each in fields(Entry))


def is_shelf_name(reference: str) -> bool:
    """Whether a reference is a file of a shelf."""
    return _NAME.fullmatch(reference) is not None


class Shelf:
    """The photos below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = folder / "journal.jsonl"
        self._unfinished = folder / "unfinished"

    def entries(self) -> dict[str, Entry]:
        """By address; a last line that was cut off is left out."""
        entries: dict[str, Entry] = {}
        try:
            text = self._journal.read_text("utf-8")
        except FileNotFoundError:
            return entries
        for line in text.splitlines():
            try:
                told: dict[str, Any] = json.loads(line)
                address = told.pop("address")
                entries[address] = Entry(**told)
            except (ValueError, TypeError, KeyError):
                continue
        return entries

    @contextmanager
    def writing(self) -> Iterator["ShelfWriter"]:
        """Write photos and journal. A round that was cut short is continued, not begun anew.

        Waits for another process that writes; the lock dies with its process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            since = self._begin()
            entries = self.entries()
            self._compact(entries)
            with self._journal.open("a", encoding="utf-8") as stream:
                yield ShelfWriter(self.folder, stream, entries, since)
            sync_file(self._journal)
            self._unfinished.unlink(missing_ok=True)

    def _begin(self) -> str:
        """When this round began: now, or when the one that was cut short did."""
        try:
            since = self._unfinished.read_text("utf-8")
        except FileNotFoundError:
            since = _now()
            write_whole(self._unfinished, since.encode())
            return since
        for cut_short in self.folder.glob("**/.*.partial"):
            cut_short.unlink()
        return since

    def _compact(self, entries: Mapping[str, Entry]) -> None:
        lines = (_line(address, entry) for address, entry in entries.items())
        write_whole(self._journal, "".join(lines).encode())


@dataclass(slots=True)
class ShelfWriter:
    """A shelf that is open for writing; ``entries`` is kept up to date.

    Several threads may write different addresses.
    """

    folder: Path
    stream: IO[str]
    entries: dict[str, Entry]
    since: str
    _lock: Lock = field(default_factory=Lock)
    _partial: Iterator[int] = field(default_factory=count)
    _made: set[str] = field(default_factory=set)

    def is_settled(self, address: str) -> bool:
        """Whether the round that was cut short asked for it already, and got it."""
        entry = self.entries.get(address)
        settled = entry is not None and not entry.problem and entry.asked_at >= self.since
        return settled and self._has(self.entries[address])

    def known(self, address: str) -> Known:
        """The validators of the photo that we have; none where its file is gone or cut."""
        entry = self.entries.get(address, Entry())
        return Known(entry.etag, entry.modified) if self._has(entry) else Known()

    def keep(self, address: str, photo: Photo) -> Entry:
        """A photo that came."""
        digest = hashlib.sha256(photo.content).hexdigest()
        name = f"{digest[:2]}/{digest}.{photo.suffix}"
        entry = Entry(name, photo.known.etag, photo.known.modified, len(photo.content))
        if not self._has(entry):
            self._store(name, photo.content)
        return self._note(address, entry)

    def confirm(self, address: str) -> Entry:
        """A photo that is still the same."""
        return self._note(address, replace(self.entries[address], problem=""))

    def fail(self, address: str, problem: str) -> Entry:
        """A photo that did not come; one that came before stays."""
        return self._note(address, replace(self.entries.get(address, Entry()), problem=problem))

    def _store(self, name: str, content: bytes) -> None:
        """Write a file under a temporary name and rename it, in as few system calls as that takes.

        Where every call is costly, as in a sandbox, they are half of a photo's time.
        """
        path = os.path.join(self.folder, name)
        parent = os.path.dirname(path)
        if parent not in self._made:
            os.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        partial = os.path.join(parent, f".{os.getpid()}-{next(self._partial)}.partial")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(handle, view) :]
            finally:
                os.close(handle)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise

    def _has(self, entry: Entry) -> bool:
        if not entry.name:
            return False
        try:
            return os.stat(os.path.join(self.folder, entry.name)).st_size == entry.size
        except FileNotFoundError:
            return False

    def _note(self, address: str, entry: Entry) -> Entry:
        noted = replace(entry, asked_at=_now())
        line = _line(address, noted)
        with self._lock:
            self.entries[address] = noted
            self.stream.write(line)
            self.stream.flush()
        return noted


def _line(address: str, entry: Entry) -> str:
    told = {name: value for name in _FIELDS if (value := getattr(entry, name))}
    return json.dumps({"address": address, **told}, separators=(",", ":")) + "\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
