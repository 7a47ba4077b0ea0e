"""Draw what the ledger still wants, and keep every picture the moment it exists.

Pictures go to the outbox batch by batch, on a thread of its own, while the next batch is drawn;
the database takes them over at intervals. A crash loses at most the batch that was in the air.
"""

import fcntl
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import InputError, StoreBusyError
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.ledger import Failure, WorkItem, open_work, record_failures
from catalog_gen.store.outbox import DrawnImage, ingest

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import DrawJob, Drawn, Engine, NotDrawn

#: Pictures between two takings of the outbox into the database.
INGEST_EVERY: Final = 256


@dataclass
class DrawResult:
    """What a drawing stage did."""

    generated: int = 0
    failed: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    store_seconds: float = 0.0
    errors: list[str] = field(default_factory=list)


@contextmanager
def drawing_lock(catalog: Catalog) -> Iterator[None]:
    """One process draws at a time; a second waits here, then finds the work done.

    The lock belongs to the open file, so that it dies with its process.
    """
    path = catalog.home.root / "drawing.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def draw_missing(
    catalog: Catalog, engine: "Callable[[], Engine]", shards: Collection[int], stamp: Stamp
) -> DrawResult:
    """Draw all open work of these shards.

    Raises:
        StoreError: the database or the outbox failed; what was drawn before is kept.
        DrawingError: the engine as a whole failed; likewise.
    """
    result = DrawResult()
    with drawing_lock(catalog):
        _ingest(catalog, stamp, result)  # what a crashed run left behind
        with catalog.store.reading() as connection:
            work = open_work(connection, shards, catalog.settings.limits.tries)
        jobs, failures = _jobs(catalog, work)
        if failures:
            with catalog.store.writing() as connection:
                record_failures(
                    connection,
                    failures,
                    max_tries=catalog.settings.limits.tries,
                    run_id=stamp.run_id,
                    now=stamp.now,
                )
            result.failed += len(failures)
            result.errors += [failure.error for failure in failures]
        if jobs:
            _draw(catalog, engine(), jobs, stamp, result)
    return result


def _draw(
    catalog: Catalog,
    engine: "Engine",
    jobs: "Sequence[DrawJob]",
    stamp: Stamp,
    result: DrawResult,
) -> None:
    from catalog_gen.diffusion.engine import Drawn

    started = perf_counter()
    report("draw", 0, len(jobs))
    since_ingest = 0
    with ThreadPoolExecutor(1, "outbox") as writer:
        writing: list[Future[Path]] = []
        batch: list[Drawn | NotDrawn] = []
        for done, outcome in enumerate(engine.draw(jobs), start=1):
            batch.append(outcome)
            report("draw", done, len(jobs))
            if isinstance(outcome, Drawn):
                result.generated += 1
            else:
                result.failed += 1
                result.errors.append(outcome.error)
            if len(batch) == engine.batch_size:
                writing.append(writer.submit(_to_outbox, catalog, engine, batch))
                since_ingest += len(batch)
                batch = []
            if since_ingest >= INGEST_EVERY:
                _finish(writing)
                _ingest(catalog, stamp, result)
                since_ingest = 0
        if batch:
            writing.append(writer.submit(_to_outbox, catalog, engine, batch))
        _finish(writing)
    result.seconds = perf_counter() - started - result.store_seconds
    _ingest(catalog, stamp, result)
