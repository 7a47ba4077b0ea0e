"""The outbox: drawn pictures on disk before they are in the database.

A picture is acknowledged when its file is here: written under a temporary name, synced, renamed,
and the folder synced. There it waits for ``ingestion``.

A file's name ends with the SHA-256 of its bytes, so that a damaged file is noticed before its
content is used.
"""

import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalog_gen.errors import StoreError
from catalog_gen.recipe import Environment, Failure
from catalog_gen.store.files import sync_folder
from catalog_gen.store.outbox_file import (
    METADATA,
    SUFFIX,
    DrawnImage,
    outbox_file,
)
from catalog_gen.store.unfinished import sweep, unfinished_file


class BatchFiles(ABC):
    """Files of drawn batches in one place, where they wait for the catalog's machine."""

    def write(
        self,
        images: Sequence[DrawnImage],
        failures: Sequence[Failure],
        environment: Environment,
        *,
        run_id: str = "",
    ) -> str:
        """Store what was drawn durably: once this returns, it survives a crash of the machine.

        Returns the new file's name.

        Args:
            run_id: the run that draws; '' stands for the run that ingests the file.

        Raises:
            CorruptionError: an image's bytes are not those that were hashed.
            StoreError: the place is full, or can't be written.
        """
        name, content = outbox_file(images, failures, environment, run_id)
        self.keep(name, content)
        return name

    @abstractmethod
    def keep(self, name: str, content: bytes) -> None:
        """Store a file durably."""

    @abstractmethod
    def names(self) -> list[str]:
        """The files that wait, the oldest first."""

    @abstractmethod
    def content(self, name: str) -> bytes | None:
        """A file's bytes, unchecked; None: it is gone."""

    @abstractmethod
    def discard(self, names: Sequence[str]) -> None:
        """Delete files that are safe elsewhere."""


class Outbox(BatchFiles):
    """The folder of files that wait for the database. The constructor does not touch the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, name: str, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished_file(self.folder) as (stream, partial):
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
                partial.rename(self.folder / name)
            sync_folder(self.folder)
        except OSError as error:
            raise StoreError(
                str(self.folder),
                f"the outbox can't take a batch of pictures ({error.strerror})",
                "Free space or repair the folder and run again: these pictures are drawn again, "
                "all earlier ones are safe.",
            ) from error

    def names(self) -> list[str]:
        return [path.name for path in self.pending()]

    def content(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                str(self.folder / name),
                f"it can't be read ({error.strerror})",
                "Repair the folder and run again: everything acknowledged is kept.",
            ) from error

    def discard(self, names: Sequence[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        if names:
            sync_folder(self.folder)

    def pending(self) -> list[Path]:
        """The files that wait, the oldest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def waiting_by_run(self) -> Counter[str]:
        """How many pictures wait, by the run that drew them, without reading the pictures."""
        waiting: Counter[str] = Counter()
        for path in self.pending():
            try:
                errors = pq.read_table(path, columns=["error"])
            except (FileNotFoundError, pa.ArrowInvalid):
                continue  # just ingested; or damaged, which ingestion reports
            about = json.loads(errors.schema.metadata[METADATA])
            waiting[about["run_id"]] += errors["error"].null_count
        return waiting

    def waiting(self, recipe_ids: Collection[str]) -> set[str]:
        """Those of these recipes whose picture waits, without reading the pictures."""
        found: set[str] = set()
        for path in self.pending():
            with suppress(FileNotFoundError, pa.ArrowInvalid):  # just ingested; or damaged
                rows = pq.read_table(path, columns=["recipe_id", "sha256"])
                drawn = rows.filter(rows["sha256"].is_valid())["recipe_id"].to_pylist()
                found.update(set(drawn).intersection(recipe_ids))
        return found

    def pictures(self, name: str) -> dict[str, bytes]:
        """The pictures of a waiting file by recipe; none if it was just ingested, or is damaged."""
        with suppress(FileNotFoundError, pa.ArrowInvalid):
            rows = pq.read_table(self.folder / name, columns=["recipe_id", "png"])
            drawn = rows.filter(rows["png"].is_valid())
            return dict(zip(drawn["recipe_id"].to_pylist(), drawn["png"].to_pylist(), strict=True))
        return {}

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file, so that it is never read again but can be examined."""
        damaged = path.with_name(path.name + ".corrupt")
        path.rename(damaged)
        sync_folder(self.folder)
        return damaged

    def remove(self, names: Sequence[str]) -> None:
        """Delete files that are in the database, and half-written ones of dead processes."""
        self.discard(names)
        sweep(self.folder)
