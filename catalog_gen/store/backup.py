"""Back a catalog up, and bring it back: the whole database and what waits in the outbox.

Snapshots, the gallery, exports and remembered hashes are not in a backup: they are made again.
Dagster's own history of runs is not, either. A backup is a folder that appears by a rename; its
``manifest.json`` holds the SHA-256 of every file, and a restore believes nothing else.
"""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError, InputError, StoreBusyError, StoreError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.settings import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.files import sync_file, sync_folder
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.relations import only_row
from catalog_gen.store.schema import SchemaState, current_state, require_known
from catalog_gen.store.verify import verify

MANIFEST: Final = "manifest.json"

#: What a backup's database may take of memory while it is written.
_MEMORY: Final = "2GB"

_DATABASE: Final = "catalog.duckdb"
_OUTBOX: Final = "outbox"
_TEMPORARY: Final = ".writing-"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: SHA-256 and bytes of each file, by its path inside the folder."""

    created_at: str
    schema: SchemaState
    images: int
    files: dict[str, tuple[str, int]]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.files.values())


def back_up(home: Home, target: Path) -> Backup:
    """Write a backup; ``target`` appears when it is complete and on the disk.

    The outbox is copied before the database: a file that is taken over in between is in both, and
    ingestion knows it again; the other way round it would be in neither.

    Raises:
        InputError: ``target`` is there already and not empty.
        StoreBusyError: another process writes to the database.
        CorruptionError: the store is damaged; a backup of it would hide that.
        StoreError: there is nothing to back up, or the disk is full.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(str(target), "there is something already", "Name a new folder.")
    if not home.database.exists():
        raise StoreError(str(home.database), "there is no database yet", "Run a refresh first.")
    temporary = target.with_name(f"{_TEMPORARY}{os.getpid()}-{target.name}")
    try:
        temporary.mkdir(parents=True)
        _copy_outbox(Outbox(home.outbox), temporary / _OUTBOX)
        with Store(home).reading() as connection:
            (images,) = only_row(connection.execute("SELECT count(*) FROM images"))
            _copy_database(connection, temporary / _DATABASE)
        _require_whole(Home(temporary))
        backup = Backup(
            datetime.now(UTC).isoformat(timespec="seconds"),
            current_state(),
            images,
            _hashed(temporary),
        )
        manifest = temporary / MANIFEST
        manifest.write_text(json.dumps(asdict(backup), indent=2) + "\n", "utf-8")
        for path in (manifest, *(temporary / name for name in backup.files)):
            sync_file(path)
        sync_folder(temporary / _OUTBOX)
        sync_folder(temporary)
        temporary.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise _disk(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return backup


def check_backup(folder: Path) -> Backup:
    """Hash a backup's files.

    Raises:
        InputError: the folder is no backup, or one of a newer catalog_gen.
        CorruptionError: files are missing or not what was written; all are named.
    """
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
        if "schema_version" in about:
            raise InputError(
                str(folder),
                "an unreleased catalog_gen wrote this backup; such stores are not brought over",
                "Take a backup with this version.",
            )
        files = {str(name): (str(sha), int(size)) for name, (sha, size) in about["files"].items()}
        backup = Backup(
            str(about["created_at"]), SchemaState(**about["schema"]), int(about["images"]), files
        )
    except OSError as error:
        raise InputError(
            str(folder),
            f"it is no backup that can be read: {MANIFEST} ({error.strerror})",
            "Name a backup's folder.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptionError(
            str(folder / MANIFEST), "it can't be read", "Take another backup."
        ) from error
    require_known(backup.schema, current_state(), str(folder))
    damaged = [name for name, (digest, _) in files.items() if not _is(folder, name, digest)]
    if damaged or _DATABASE not in files:
        raise CorruptionError(
            str(folder),
            f"not what was backed up: {', '.join(damaged) or 'the manifest'}",
            "Nothing was restored. Take another backup.",
        )
    return backup


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where the earlier store lies now; None: there was none."""

    backup: Backup
    earlier: Path | None


def restore(home: Home, folder: Path, *, force: bool = False) -> Restored:
    """Make a backup the store. Whenever this process dies, the store is the old one or the new.

    The new database takes the old one's place by one rename. Before it, the backup's outbox files
    are added (both databases can take them over); after it, the old ones are put with the old
    database. Nothing is deleted.

    Args:
        force: replace a store that is there; it is kept beside, in ``replaced-...``.

    Raises:
        InputError: the folder is no backup, or there is a store and ``force`` is off.
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
            "Add --force (the earlier store is kept beside), or set CATALOG_HOME elsewhere.",
        )
    staged = home.root / f"{_TEMPORARY}{os.getpid()}-restore"
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with drawing_lock(home, wait=False):
            _stage(folder, backup, staged)
            earlier = home.root / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
            if taken:
                _require_free(home)
                _link_old(home, earlier)
            _switch(home, staged, backup)
            if taken:
                _put_aside_outbox(outbox, backup, earlier)
    except OSError as error:
        raise _disk(home.root, error) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Restored(backup, earlier if taken else None)


def _copy_outbox(outbox: Outbox, target: Path) -> None:
    target.mkdir()
    for path in outbox.pending():
        with suppress(FileNotFoundError):  # just taken over: it is in the database then
            shutil.copyfile(path, target / path.name)


def _copy_database(connection: DuckDBPyConnection, path: Path) -> None:
    """Row by row, not byte by byte: every block's checksum is compared on the way."""
    quoted = str(path).replace("'", "''")
    (live,) = only_row(connection.execute("SELECT current_database()"))
    connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute(f"ATTACH '{quoted}' AS backup (READ_WRITE)")
    connection.execute(f'COPY FROM DATABASE "{live}" TO backup')
    connection.execute("CHECKPOINT backup")
    connection.execute("DETACH backup")


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
    """Whether a listed file is inside the backup and is what was written."""
    path = folder / name
    inside = Path(name).parent in (Path(), Path(_OUTBOX)) and ".." not in Path(name).parts
    return inside and path.is_file() and not path.is_symlink() and sha256_file(path) == digest


def _stage(folder: Path, backup: Backup, staged: Path) -> None:
    """Copy the backup into the catalog's folder and hash the copy, too."""
    shutil.rmtree(staged, ignore_errors=True)
    (staged / _OUTBOX).mkdir(parents=True)
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
    """Nobody else holds the old database, and its log is empty, or it is past reading."""
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
    """A second name for the old database: its file is never opened here (see ``connection``)."""
    earlier.mkdir()
    if home.database.exists():
        os.link(home.database, earlier / _DATABASE)
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
        "Free space or mend the folder, then run again; the store is as it was.",
    )
