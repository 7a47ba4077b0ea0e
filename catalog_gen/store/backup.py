"""Back up and restore a catalog: the whole database, the pictures, and what waits in the outbox.

Snapshots, the gallery, exports and cached hashes can be rebuilt and are left out, and so is
Dagster's run history. A backup is a folder that appears by a rename; its ``manifest.json`` holds
the SHA-256 of every file, and a restore accepts only files that match it. Pictures that are not in
the database are files below ``pictures/``, wherever the catalog keeps them: a backup is a complete
store, and a restored one keeps them in its home.
"""

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import duckdb

from catalog_gen.errors import CorruptionError, InputError, StoreBusyError, StoreError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.home import Home
from catalog_gen.picture_place import IN_DATABASE, IN_HOME
from catalog_gen.store.compaction import copy_database
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.images import picture_addresses
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.pictures.in_folder import InFolder
from catalog_gen.store.pictures.lock import pictures_lock
from catalog_gen.store.pictures.pictures import Pictures, is_whole, portions
from catalog_gen.store.pictures.place import pictures_outside, recorded_place
from catalog_gen.store.relations import only_row
from catalog_gen.store.schema import SchemaState, current_state, require_known
from catalog_gen.store.unfinished import unfinished_folder
from catalog_gen.store.verify import verify

MANIFEST: Final = "manifest.json"

_DATABASE: Final = "catalog.duckdb"
_OUTBOX: Final = "outbox"


@dataclass(frozen=True, slots=True)
class PictureList:
    """A set of pictures: their number, bytes, and the SHA-256 of their sorted addresses."""

    count: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, pictures: Pictures) -> "PictureList":
        """Sum up all pictures of a place."""
        listed = sorted(pictures.listed())
        names = sha256("\n".join(address for address, _ in listed).encode())
        return cls(len(listed), sum(size for _, size in listed), names.hexdigest())


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of a backup: SHA-256 and size of every file, by its path inside the folder.

    ``pictures`` sums up the pictures outside the database, whose names are their hashes.
    """

    created_at: str
    schema: SchemaState
    images: int
    files: dict[str, tuple[str, int]]
    pictures: PictureList

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.files.values()) + self.pictures.bytes


def back_up(home: Home, target: Path) -> Backup:
    """Write a backup; ``target`` appears when it is complete and on the disk.

    The outbox is copied before the database: a file that is ingested in between is in both, and
    ingestion skips it later; in the other order it would be in neither. Pictures come last: they
    are stored before their rows, and none is deleted meanwhile.

    Raises:
        InputError: ``target`` exists and is not empty.
        StoreBusyError: another process writes to the database.
        CorruptionError: the store is damaged; a backup of it would hide that.
        StoreError: there is nothing to back up, or the disk is full.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(str(target), "the folder exists and is not empty", "Name a new folder.")
    if not home.database.exists():
        raise StoreError(str(home.database), "there is no database yet", "Run a refresh first.")
    try:
        with unfinished_folder(target.parent) as temporary:
            backup = _write(home, temporary / target.name)
            (temporary / target.name).rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise _disk(target, error) from error
    return backup


def check_backup(folder: Path) -> Backup:
    """Hash a backup's files.

    Raises:
        InputError: the folder is not a backup, or a newer catalog_gen wrote it.
        CorruptionError: files are missing or changed; the message lists all of them.
    """
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
        if "schema_version" in about:
            raise InputError(
                str(folder),
                "an unreleased catalog_gen wrote this backup; such stores are not migrated",
                "Take a backup with this version.",
            )
        files = {str(name): (str(sha), int(size)) for name, (sha, size) in about["files"].items()}
        backup = Backup(
            str(about["created_at"]),
            SchemaState(**about["schema"]),
            int(about["images"]),
            files,
            PictureList(**about["pictures"]),
        )
    except OSError as error:
        raise InputError(
            str(folder),
            f"it is not a readable backup: {MANIFEST} ({error.strerror})",
            "Name a backup's folder.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptionError(
            str(folder / MANIFEST), "it can't be read", "Take another backup."
        ) from error
    require_known(backup.schema, current_state(), str(folder))
    damaged = [name for name, (digest, _) in files.items() if not _is(folder, name, digest)]
    damaged += _damaged_pictures(backup, InFolder(Home(folder).pictures))
    if damaged or _DATABASE not in files:
        raise CorruptionError(
            str(folder),
            f"files are missing or changed: {', '.join(damaged) or 'the manifest'}",
            "Nothing was restored. Take another backup.",
        )
    return backup


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where the earlier store was moved (None if there was none)."""

    backup: Backup
    earlier: Path | None


def restore(home: Home, folder: Path, *, force: bool = False) -> Restored:
    """Replace the store with a backup; a crash at any moment leaves the old store or the new one.

    One rename replaces the old database with the new one. Before it, the backup's outbox files
    are added (both databases can ingest them); after it, the old outbox files are moved to the old
    database. Nothing is deleted.

    Args:
        force: replace an existing store; it is kept beside the new one, in ``replaced-...``.

    Raises:
        InputError: the folder is not a backup, or there is a store and ``force`` is off.
        CorruptionError: the backup is damaged.
        StoreBusyError: a refresh draws, or another process holds the database.
        StoreError: the disk is full, or the folder can't be written.
    """
    backup = check_backup(folder)
    outbox = Outbox(home.outbox)
    taken = home.database.exists() or _log_of(home).exists() or any(outbox.pending())
    if taken and not force:
        raise InputError(
            str(home.root),
            "there is a store, and a restore would replace it",
            "Add --force (the earlier store is kept beside it), or set CATALOG_HOME elsewhere.",
        )
    try:
        with unfinished_folder(home.root) as staged, drawing_lock(home, wait=False):
            _stage(folder, backup, staged)
            pictures = InFolder(Home(folder).pictures)
            _copy_pictures(pictures, _listed(pictures), InFolder(home.pictures))
            earlier = home.root / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
            if taken:
                _require_free(home)
                _link_old(home, earlier)
            _switch(home, staged, backup)
            if taken:
                _put_aside_outbox(outbox, backup, earlier)
    except OSError as error:
        raise _disk(home.root, error) from error
    return Restored(backup, earlier if taken else None)


def _write(home: Home, folder: Path) -> Backup:
    """Write the backup's files into a new folder, all synced."""
    folder.mkdir()
    _copy_outbox(Outbox(home.outbox), folder / _OUTBOX)
    copy = Home(folder)
    with pictures_lock(home):
        with Store(home).reading() as connection:
            (images,) = only_row(connection.execute("SELECT count(*) FROM images"))
            place = recorded_place(connection) or IN_HOME
            addresses = picture_addresses(connection)
            copy_database(
                connection,
                copy.database,
                "UPDATE copied.picture_place SET leaving = NULL, "
                f"place = if(place = '{IN_DATABASE}', place, '{IN_HOME}')",
            )
        outside = pictures_outside(home, place)
        if outside is not None:
            _copy_pictures(outside, addresses, InFolder(copy.pictures))
    _require_whole(copy)
    backup = Backup(
        datetime.now(UTC).isoformat(timespec="seconds"),
        current_state(),
        images,
        _hashed(folder),
        PictureList.of(InFolder(copy.pictures)),
    )
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps(asdict(backup), indent=2) + "\n", "utf-8")
    for path in (manifest, *(folder / name for name in backup.files)):
        sync_file(path)
    sync_folder(folder / _OUTBOX)
    sync_folder(folder)
    return backup


def _copy_outbox(outbox: Outbox, target: Path) -> None:
    target.mkdir()
    for path in outbox.pending():
        with suppress(FileNotFoundError):  # just ingested, so it is in the database
            shutil.copyfile(path, target / path.name)


def _copy_pictures(source: Pictures, addresses: Iterable[str], target: Pictures) -> None:
    """Copy pictures and check all of them.

    Raises:
        CorruptionError: one is gone or damaged.
    """
    for portion in portions(addresses):
        found = source.get(portion)
        for address in portion:
            if address not in found or not is_whole(address, found[address]):
                raise CorruptionError(
                    f"picture {address}",
                    "its bytes are gone, or not what was stored",
                    "No backup was written. `catalog-gen verify` lists all, with what to do.",
                )
        target.put(found)


def _listed(pictures: Pictures) -> list[str]:
    return sorted(address for address, _ in pictures.listed())


def _damaged_pictures(backup: Backup, pictures: Pictures) -> list[str]:
    """Names of a backup's damaged pictures; if some are missing, that of their folder."""
    damaged = sorted(pictures.broken(_listed(pictures)))
    if PictureList.of(pictures) != backup.pictures:
        damaged.append("pictures")
    return damaged


def _require_whole(copy: Home) -> None:
    found = verify(Store(copy), Outbox(copy.outbox))
    if found.damaged:
        first = found.damaged[0]
        raise CorruptionError(
            f"{first.kind} {first.name}",
            f"{first.rule}; {len(found.damaged)} damaged in all",
            "No backup was written. `catalog-gen verify` lists all, with what to do.",
        )


def _hashed(folder: Path) -> dict[str, tuple[str, int]]:
    paths = [folder / _DATABASE, *sorted((folder / _OUTBOX).iterdir())]
    return {
        str(path.relative_to(folder)): (sha256_file(path), path.stat().st_size) for path in paths
    }


def _is(folder: Path, name: str, digest: str) -> bool:
    """Whether a listed file is inside the backup and has the listed hash."""
    path = folder / name
    inside = Path(name).parent in (Path(), Path(_OUTBOX)) and ".." not in Path(name).parts
    return inside and path.is_file() and not path.is_symlink() and sha256_file(path) == digest


def _stage(folder: Path, backup: Backup, staged: Path) -> None:
    """Copy the backup into the catalog's folder and hash the copy, too."""
    (staged / _OUTBOX).mkdir()
    for name, (digest, _) in backup.files.items():
        content = sha256()
        with (folder / name).open("rb") as source, (staged / name).open("wb") as target:
            while piece := source.read(1024**2):
                content.update(piece)
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        if content.hexdigest() != digest:
            raise CorruptionError(
                str(folder / name), "it changed while it was read", "Take another backup."
            )


def _require_free(home: Home) -> None:
    """Require that no process holds the old database and its log is empty, or it is unreadable."""
    if not home.database.exists():
        return
    try:
        with Store(home).writing(checkpoint=True):
            pass
    except StoreBusyError:
        raise
    except (StoreError, duckdb.Error):
        pass  # damaged, or of another version: that is why it is replaced


def _log_of(home: Home) -> Path:
    return home.database.with_name(home.database.name + ".wal")


def _link_old(home: Home, earlier: Path) -> None:
    """Hard-link the old database under a second name without opening it (see ``connection``)."""
    earlier.mkdir()
    if home.database.exists():
        os.link(home.database, earlier / _DATABASE)
    if home.pictures.exists():
        # Further names of the same files: they cost nothing, and the old store stays whole.
        shutil.copytree(home.pictures, Home(earlier).pictures, copy_function=os.link)
    log = _log_of(home)
    if log.exists():  # only of a database that could not be opened
        log.rename(earlier / log.name)
    sync_folder(earlier)


def _switch(home: Home, staged: Path, backup: Backup) -> None:
    home.outbox.mkdir(exist_ok=True)
    for name in backup.files:
        if name != _DATABASE:
            (staged / name).replace(home.root / name)
    sync_folder(home.outbox)
    (staged / _DATABASE).replace(home.database)
    sync_folder(home.root)


def _put_aside_outbox(outbox: Outbox, backup: Backup, earlier: Path) -> None:
    restored = {Path(name).name for name in backup.files}
    old = [path for path in outbox.pending() if path.name not in restored]
    if old:
        (earlier / _OUTBOX).mkdir()
    for path in old:
        path.rename(earlier / _OUTBOX / path.name)
    sync_folder(outbox.folder)


def _disk(path: Path, error: OSError) -> StoreError:
    return StoreError(
        str(error.filename or path),
        f"it can't be written ({error.strerror})",
        "Free space or repair the folder, then run again; the store is unchanged.",
    )
