"""Ingestion: drawn pictures go from the outbox into the database and their place.

One writer ingests files, idempotently, and removes a file only when its pictures are kept and its
rows are in the database's main file; the process may die between any two steps.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError
from catalog_gen.picture_place import IN_HOME
from catalog_gen.recipe import Failure
from catalog_gen.store.connection import Store
from catalog_gen.store.ledger import record_failures
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import Batch, read_batch
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.place import (
    pictures_outside,
    record_place,
    recorded_place,
    settled_place,
)
from catalog_gen.store.relations import first_row, insert_row, registered

#: Bytes of outbox files that one transaction ingests; bounds its memory.
GROUP_BYTES: Final = 128 * 1024**2


@dataclass(frozen=True, slots=True)
class Ingested:
    """What was ingested; ``corrupt`` lists the files that were set aside unread."""

    images: int = 0
    duplicates: int = 0
    failures: int = 0
    corrupt: tuple[str, ...] = ()


def ingest(
    store: Store,
    outbox: Outbox,
    run_id: str,
    *,
    max_tries: int,
    place: str = IN_HOME,
) -> Ingested:
    """Ingest all waiting files; safe to repeat, safe to kill.

    Pictures' bytes are durable in their place before a row says that they are there.

    Args:
        max_tries: failed candidates are given up after this many tries.
        place: where the settings want the pictures' bytes.

    Raises:
        ConfigError: the catalog's pictures are in another place.
        StoreBusyError: another process holds the database; the files wait.
        StoreError: the database failed; the files wait.
    """
    total = Ingested()
    waiting = outbox.pending()
    if not waiting:
        return total
    with store.reading() as connection:
        place = settled_place(connection, place)
    for group in _groups(waiting):
        total = _sum(total, _ingest_group(store, outbox, group, run_id, max_tries, place))
    return total


def _ingest_group(
    store: Store, outbox: Outbox, paths: Sequence[Path], run_id: str, max_tries: int, place: str
) -> Ingested:
    result = Ingested()
    batches: list[Batch] = []
    for path in paths:
        try:
            batches.append(read_batch(path))
        except FileNotFoundError:
            continue  # another process has just ingested it
        except CorruptionError:
            damaged = outbox.set_aside(path)
            result = _sum(result, Ingested(corrupt=(damaged.name,)))
    if batches:
        outside = pictures_outside(store.home, place)
        with store.reading() as connection:
            pictures = _new_pictures(connection, batches)
        if outside is not None:
            outside.put(pictures)
        with store.writing(checkpoint=True) as connection:
            _require_place(connection, place)
            if outside is None:
                InDatabase(connection).put(pictures)
            for batch in batches:
                result = _sum(result, _store(connection, batch, run_id, max_tries))
        outbox.remove([batch.name for batch in batches])
    return result


def _new_pictures(connection: DuckDBPyConnection, batches: Sequence[Batch]) -> dict[str, bytes]:
    """The pictures to keep, by address: of two that one recipe has, the first."""
    drawn = [
        (recipe_id, address, batch.pictures[address])
        for batch in batches
        for recipe_id, address in zip(
            batch.rows["recipe_id"].to_pylist(), batch.rows["sha256"].to_pylist(), strict=True
        )
        if address is not None
    ]
    address_of: dict[str, str] = dict(
        connection.execute(
            """
            SELECT image_id, sha256 FROM images
            WHERE dropped_at IS NULL AND image_id IN (SELECT unnest($ids::VARCHAR[]))
            """,
            {"ids": [recipe_id for recipe_id, _, _ in drawn]},
        ).fetchall()
    )
    return {
        address: png
        for recipe_id, address, png in drawn
        if address_of.setdefault(recipe_id, address) == address
    }


def _require_place(connection: DuckDBPyConnection, place: str) -> None:
    """Record the place with the first pictures; it must not have been moved just now."""
    recorded = recorded_place(connection)
    if settled_place(connection, place) != recorded:
        record_place(connection, place)


def _store(
    connection: DuckDBPyConnection, batch: Batch, ingest_run: str, max_tries: int
) -> Ingested:
    pictures = batch.rows.num_rows - batch.rows["sha256"].null_count
    known = first_row(
        connection.execute("SELECT 1 FROM outbox_batches WHERE batch = ?", [batch.name])
    )
    if known is not None:
        return Ingested(duplicates=pictures)
    run_id = batch.run_id or ingest_run
    with registered(connection, "outbox_rows", batch.rows):
        stored = _store_images(connection, batch, run_id)
    failed = batch.rows.select([field.name for field in fields(Failure)])
    failures = [Failure(**row) for row in failed.to_pylist() if row["error"] is not None]
    record_failures(connection, failures, max_tries, run_id, batch.written_at)
    insert_row(
        connection,
        "outbox_batches",
        {
            "batch": batch.name,
            "images": stored,
            "failures": len(failures),
            "ingested_at": datetime.now(UTC),
            "run_id": ingest_run,
        },
    )
    return Ingested(images=stored, duplicates=pictures - stored, failures=len(failures))


def _store_images(connection: DuckDBPyConnection, batch: Batch, run_id: str) -> int:
    """Store the batch's images that the database lacks; returns how many there were."""
    parameters = {
        "environment": batch.environment.environment_id,
        "batch": batch.name,
        "now": batch.written_at,
        "run_id": run_id,
    }
    insert_row(
        connection,
        "environments",
        {
            "environment_id": batch.environment.environment_id,
            "environment": batch.environment.canonical,
            "first_used": batch.written_at,
        },
        unless_known=True,
    )
    row = first_row(
        connection.execute(
            """
        INSERT INTO images BY NAME
        SELECT DISTINCT ON (drawn.recipe_id) drawn.recipe_id AS image_id, drawn.sha256,
            coalesce(ledger.prompt_id, '') AS prompt_id, $environment AS environment_id,
            drawn.width, drawn.height, drawn.size, drawn.seconds,
            $batch AS batch, $now AS created_at, $run_id AS run_id
        FROM outbox_rows AS drawn LEFT JOIN ledger USING (recipe_id)
        WHERE drawn.sha256 IS NOT NULL
        ON CONFLICT DO NOTHING
        """,
            parameters,
        )
    )
    again = _keep_again(connection, parameters)
    connection.execute(
        """
        UPDATE ledger SET
            status = 'made', tries = tries + 1, error = '',
            seconds = ledger.seconds + images.seconds, updated_at = $now, run_id = $run_id
        FROM images
        WHERE images.image_id = ledger.recipe_id AND images.batch = $batch
        """,
        {"batch": batch.name, "now": batch.written_at, "run_id": run_id},
    )
    return (int(row[0]) if row else 0) + again


def _keep_again(connection: DuckDBPyConnection, parameters: Mapping[str, object]) -> int:
    """Keep pictures whose bytes retention had deleted and that were drawn again; how many.

    If the bytes differ now, because of another version of a library, the scores and verdicts of the
    old ones are deleted.
    """
    for table in ("scores", "verdicts", "measurements"):
        connection.execute(
            f"""
            DELETE FROM {table} WHERE image_id IN (
                SELECT image_id FROM images
                JOIN outbox_rows AS drawn ON drawn.recipe_id = images.image_id
                WHERE images.dropped_at IS NOT NULL AND drawn.sha256 <> images.sha256
            )
            """
        )
    row = first_row(
        connection.execute(
            """
            UPDATE images SET sha256 = drawn.sha256, size = drawn.size,
                environment_id = $environment, seconds = drawn.seconds, batch = $batch,
                created_at = $now, run_id = $run_id, dropped_at = NULL, pixels_sha256 = NULL,
                kept_seq = nextval('seq')
            FROM (
                SELECT DISTINCT ON (recipe_id) * FROM outbox_rows WHERE sha256 IS NOT NULL
            ) AS drawn
            WHERE drawn.recipe_id = images.image_id AND images.dropped_at IS NOT NULL
            """,
            parameters,
        )
    )
    return int(row[0]) if row else 0


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    size = 0
    for path in paths:
        with suppress(FileNotFoundError):  # another process has just ingested it
            size += path.stat().st_size
            group.append(path)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _sum(left: Ingested, right: Ingested) -> Ingested:
    return Ingested(
        images=left.images + right.images,
        duplicates=left.duplicates + right.duplicates,
        failures=left.failures + right.failures,
        corrupt=left.corrupt + right.corrupt,
    )
