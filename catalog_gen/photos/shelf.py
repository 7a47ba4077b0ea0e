"""Downloaded photos on disk: files named by the hash of their bytes, and a journal of addresses.

The journal has one line of JSON per download or failure; the last line of an address counts. A line
is written after its file, so even if the process is killed, the journal never names an incomplete
file. Files stay when addresses change: reproducing the pictures drawn from them needs them.
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
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

from catalog_gen.photos.download import Known, Photo
from catalog_gen.store.files import sync_file, write_whole
from catalog_gen.store.unfinished import sweep

_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.[a-z]{3,4}")


@dataclass(frozen=True, slots=True)
class Entry:
    """The journal's entry for an address.

    ``name`` is the photo's file below the shelf's folder, of ``size`` bytes, '' if there never was
    one; ``problem`` says why the last request failed; ``asked_at`` is the time of that request, ISO
    8601 in UTC, for people; ``round`` is the number of the round that made it.
    """

    name: str = ""
    etag: str = ""
    modified: str = ""
    size: int = 0
    problem: str = ""
    asked_at: str = ""
    round: int = 0


_FIELDS: Final = tuple(each.name for each in fields(Entry))


def is_shelf_name(reference: str) -> bool:
    """Whether a reference names a file on a shelf."""
    return _NAME.fullmatch(reference) is not None


class Shelf:
    """The photos below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = folder / "journal.jsonl"
        self._unfinished = folder / "unfinished"

    def entries(self) -> dict[str, Entry]:
        """Entries by address; a truncated last line is ignored."""
        entries: dict[str, Entry] = {}
        try:
            text = self._journal.read_text("utf-8")
        except FileNotFoundError:
            return entries
        for line in text.splitlines():
            try:
                entry_fields: dict[str, Any] = json.loads(line)
                address = entry_fields.pop("address")
                entries[address] = Entry(**entry_fields)
            except (ValueError, TypeError, KeyError):
                continue
        return entries

    @contextmanager
    def writing(self) -> Iterator["ShelfWriter"]:
        """Open the shelf for writing. An interrupted round is continued, not started again.

        Waits for any other writing process; the lock is released when its process ends.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = self.entries()
            number = self._begin(entries)
            self._compact(entries)
            with self._journal.open("a", encoding="utf-8") as stream:
                yield ShelfWriter(self.folder, stream, entries, number)
            sync_file(self._journal)
            self._unfinished.unlink(missing_ok=True)

    def _begin(self, entries: Mapping[str, Entry]) -> int:
        """The number of this round: the next one, or that of the interrupted round."""
        latest = max((entry.round for entry in entries.values()), default=0)
        try:
            number = int(self._unfinished.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            write_whole(self._unfinished, str(latest + 1).encode())
            return latest + 1
        for folder in (self.folder, *self.folder.iterdir()):
            sweep(folder)
        return number

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
    round: int
    _lock: Lock = field(default_factory=Lock)
    _made: set[str] = field(default_factory=set)

    def is_settled(self, address: str) -> bool:
        """Whether the interrupted round already requested this address successfully."""
        entry = self.entries.get(address)
        settled = entry is not None and not entry.problem and entry.round == self.round
        return settled and self._has(self.entries[address])

    def known(self, address: str) -> Known:
        """The validators of the stored photo; none if its file is missing or truncated."""
        entry = self.entries.get(address, Entry())
        return Known(entry.etag, entry.modified) if self._has(entry) else Known()

    def keep(self, address: str, photo: Photo) -> Entry:
        """Store a downloaded photo."""
        digest = hashlib.sha256(photo.content).hexdigest()
        name = f"{digest[:2]}/{digest}.{photo.suffix}"
        entry = Entry(name, photo.known.etag, photo.known.modified, len(photo.content))
        if not self._has(entry):
            self._store(name, photo.content)
        return self._note(address, entry)

    def confirm(self, address: str) -> Entry:
        """Record that the stored photo is unchanged."""
        return self._note(address, replace(self.entries[address], problem=""))

    def fail(self, address: str, problem: str) -> Entry:
        """Record a failed download; an earlier photo stays."""
        return self._note(address, replace(self.entries.get(address, Entry()), problem=problem))

    def _store(self, name: str, content: bytes) -> None:
        path = self.folder / name
        if path.parent.name not in self._made:
            path.parent.mkdir(exist_ok=True)
            self._made.add(path.parent.name)
        write_whole(path, content)

    def _has(self, entry: Entry) -> bool:
        if not entry.name:
            return False
        try:
            return os.stat(os.path.join(self.folder, entry.name)).st_size == entry.size
        except FileNotFoundError:
            return False

    def _note(self, address: str, entry: Entry) -> Entry:
        noted = replace(entry, asked_at=_now(), round=self.round)
        line = _line(address, noted)
        with self._lock:
            self.entries[address] = noted
            self.stream.write(line)
            self.stream.flush()
        return noted


def _line(address: str, entry: Entry) -> str:
    entry_fields = {name: value for name in _FIELDS if (value := getattr(entry, name))}
    return json.dumps({"address": address, **entry_fields}, separators=(",", ":")) + "\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
