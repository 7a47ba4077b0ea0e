"""Take the feed: a copy of the file as it was when the refresh began.

The shop may overwrite its feed at any moment; everything after this stage works from the copy.
"""

import json
import re
import shutil
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog_gen.errors import FeedError, InputError, StoreError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.files import write_whole
from catalog_gen.store.unfinished import sweep, unfinished_folder

#: Number of newest copies kept, so that a past night's feed can be inspected.
KEPT_COPIES: Final = 7
#: Seconds that a feed must not have changed, and that we wait for it.
QUIET: Final = 1.0
PATIENCE: Final = 30.0
_COPY: Final = re.compile(r"\d+-[0-9a-f]{16}-")


@dataclass(frozen=True, slots=True)
class FeedFile:
    """A feed as it was taken."""

    copy: str
    source: str
    sha256: str
    size: int

    @property
    def path(self) -> Path:
        return Path(self.copy)


def take_feed(catalog: Catalog) -> FeedFile:
    """Copy the feed into the catalog's folder and make the copy the current one.

    Waits while the feed is being written, for at most half a minute.

    Raises:
        FeedError: the file is missing, no regular file, can't be read, or is still being written.
        StoreError: the catalog's folder has no room, or can't be written.
    """
    source = catalog.settings.feed.path
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # opening a FIFO would wait for its writer
            raise FeedError(
                str(source), "is not a regular file", "Set feed.path in catalog.toml to the feed."
            )
        with source.open("rb"):
            pass
    except OSError as error:
        raise FeedError(
            str(source),
            f"the feed can't be read ({error.strerror})",
            "Set feed.path in catalog.toml, or name a file with --feed.",
        ) from error
    folder = catalog.home.feeds
    sweep(catalog.home.root)  # what a killed restore left
    try:
        return _copied(source, folder)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"the feed can't be copied there ({error.strerror})",
            "Free space or make the folder writable, and run again; nothing was changed.",
        ) from error


def _copied(source: Path, folder: Path) -> FeedFile:
    with unfinished_folder(folder) as temporary:
        arriving = temporary / "feed"
        _copy_when_quiet(source, arriving)
        sha256 = sha256_file(arriving)
        copy = folder / f"{_number_of(folder, sha256):06d}-{sha256[:16]}-{source.name}"
        arriving.replace(copy)
    taken = FeedFile(str(copy), str(source), sha256, copy.stat().st_size)
    write_whole(folder / "current.json", json.dumps(asdict(taken)).encode())
    for path in _copies(folder)[:-KEPT_COPIES]:
        path.unlink(missing_ok=True)
    return taken


def _copy_when_quiet(source: Path, arriving: Path) -> None:
    """Copy a file that has not changed for a second and does not change meanwhile.

    Raises:
        FeedError: it goes on changing.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        before = _state(source)
        age = time.time() - before[1] / 1e9
        if 0 <= age < QUIET:
            time.sleep(QUIET - age)
        if _state(source) == before:
            shutil.copyfile(source, arriving)
            if _state(source) == before:
                return
        if time.monotonic() > deadline:
            raise FeedError(
                str(source),
                f"is still being written, after {PATIENCE:.0f} s",
                "Start the refresh when the export is done, or let the export write under another "
                "name and rename the file.",
            )


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _number_of(folder: Path, sha256: str) -> int:
    """The next copy's number, or the newest copy's if that has the same bytes.

    Unlike clocks, numbers never go back.
    """
    copies = _copies(folder)
    if not copies:
        return 1
    newest, same = copies[-1].name.split("-")[:2]
    return int(newest) + (same != sha256[:16])


def _copies(folder: Path) -> list[Path]:
    """All copies, the oldest first."""
    named = (path for path in folder.iterdir() if _COPY.match(path.name))
    return sorted(named, key=lambda path: int(path.name.split("-")[0]))


def current_feed(home: Home) -> FeedFile:
    """The feed that was copied last.

    Raises:
        InputError: none was ever taken, or the copy is gone.
    """
    pointer = home.feeds / "current.json"
    try:
        taken = FeedFile(**json.loads(pointer.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            str(pointer), "no feed was taken yet", "Materialise product_feed first."
        ) from error
    if not taken.path.is_file():
        raise InputError(taken.copy, "the feed's copy is gone", "Materialise product_feed again.")
    return taken


def _folder(home: Home) -> Path:
    return home.root / "feeds"
