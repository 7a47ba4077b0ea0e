"""Draw what the ledger still wants, and keep every picture the moment it exists.

Pictures go to the outbox batch by batch, on a thread of its own, while the next batch is drawn;
the database takes them over at intervals. A crash loses at most the batch that was in the air.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.errors import InputError, StoreBusyError
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.takeover import take_over, take_over_if_free
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.figures import drawn_in_run
from catalog_gen.store.ledger import Failure, WorkItem, open_work, record_failures
from catalog_gen.store.outbox import DrawnImage

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import Engine

#: Pictures between two takings of the outbox into the database.
INGEST_EVERY: Final = 256


@dataclass(slots=True)
class DrawResult:
    """What a drawing stage did; ``generated`` and ``failed`` count over all tries of the run."""

    generated: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)
    by_shard: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    store_seconds: float = 0.0
    device: str = ""
    """What drew: 'cpu' or the GPU's name; empty: nothing was to be drawn."""
    held_up: str = ""
    """Who held the database while pictures were drawn; empty: nobody did."""


def draw_missing(
    catalog: Catalog, engine: "Callable[[], Engine]", shards: Collection[int], stamp: Stamp
) -> DrawResult:
    """Draw all open work of these shards.

    Args:
        engine: called once, and only if there is something to draw.

    Raises:
        StoreBusyError: another process holds the database at the beginning or at the end; what was
            drawn waits in the outbox. In between, drawing goes on.
        StoreError: the database or the outbox failed; what was drawn before is kept.
        DrawingError: the engine as a whole failed; likewise.
    """
    result = DrawResult()
    tries = catalog.settings.limits.tries
    with drawing_lock(catalog.home):
        # Work that is read while older pictures wait would be drawn a second time.
        _take_over(catalog, stamp, result)
        with catalog.store.reading() as connection:
            work = open_work(connection, shards, tries)
        jobs, failures = _jobs(catalog, work)
        if failures:
            result.errors += [failure.error for failure in failures]
            with catalog.store.writing() as connection:
                record_failures(connection, failures, tries, stamp.run_id, stamp.now)
        if jobs:
            started, stored_before = perf_counter(), result.store_seconds
            loaded = engine()
            result.device = loaded.environment.device
            shard_of = {item.recipe_id: item.shard for item in work}
            made = _draw(catalog, loaded, jobs, stamp, result)
            result.by_shard.update(shard_of[recipe_id] for recipe_id in made)
            drawn_in = perf_counter() - started
            result.seconds = drawn_in - (result.store_seconds - stored_before)
            _take_over(catalog, stamp, result)
        with catalog.store.reading() as connection:
            drawn = drawn_in_run(connection, stamp.run_id)
        result.generated, result.failed = drawn.generated, drawn.failed
    return result


def _jobs(catalog: Catalog, work: Sequence[WorkItem]) -> tuple[list[DrawJob], list[Failure]]:
    """Find the reference photos; a product whose photo may not be read fails here, by name."""
    jobs: list[DrawJob] = []
    failures: list[Failure] = []
    for item in work:
        reference: Path | None = None
        if "photo" in item.recipe.method.needs:
            try:
                folders = catalog.settings.feed.reference_folders
                reference = resolve_reference(item.reference, folders)
            except InputError as error:
                failures.append(Failure(item.recipe_id, str(error), 0.0))
                continue
        jobs.append(DrawJob(item.recipe_id, item.recipe, reference))
    return jobs, failures


def _draw(
    catalog: Catalog,
    engine: "Engine",
    jobs: Sequence[DrawJob],
    stamp: Stamp,
    result: DrawResult,
) -> list[str]:
    """Draw the jobs and hand them to the outbox, one batch while the next is drawn.

    Returns the ids of the recipes that have a picture now.
    """
    report("draw", 0, len(jobs))
    made: list[str] = []
    writing: list[Future[None]] = []
    batch: list[Outcome] = []

    def hand_over() -> None:
        writing.append(writer.submit(_to_outbox, catalog, engine, tuple(batch), stamp))
        batch.clear()

    with ThreadPoolExecutor(1, "outbox") as writer:
        try:
            for done, outcome in enumerate(engine.draw(jobs), start=1):
                batch.append(outcome)
                if isinstance(outcome, Drawn):
                    made.append(outcome.recipe_id)
                else:
                    result.errors.append(outcome.error)
                if len(batch) == engine.batch_size:
                    hand_over()
                if done % INGEST_EVERY == 0:
                    _finish(writing)
                    _take_over_meanwhile(catalog, stamp, result)
                report("draw", done, len(jobs))
        finally:
            if batch:
                hand_over()
        _finish(writing)
    return made


def _to_outbox(catalog: Catalog, engine: "Engine", batch: Sequence[Outcome], stamp: Stamp) -> None:
    """Acknowledge a batch. Pictures share a file if they share an environment."""
    failures = [
        Failure(outcome.recipe_id, outcome.error, outcome.seconds)
        for outcome in batch
        if not isinstance(outcome, Drawn)
    ]
    if failures:
        catalog.outbox.write([], failures, engine.environment, run_id=stamp.run_id)
    drawn = [outcome for outcome in batch if isinstance(outcome, Drawn)]
    environments = {outcome.environment.environment_id: outcome.environment for outcome in drawn}
    for environment in environments.values():
        images = [_image(outcome) for outcome in drawn if outcome.environment == environment]
        catalog.outbox.write(images, [], environment, run_id=stamp.run_id)


def _image(drawn: Drawn) -> DrawnImage:
    height, width, _ = drawn.pixels.shape
    return DrawnImage(drawn.recipe_id, drawn.png, drawn.sha256, width, height, drawn.seconds)


def _finish(writing: list[Future[None]]) -> None:
    """Wait for the outbox; a batch that could not be written ends the stage."""
    for future in writing:
        future.result()
    writing.clear()


def _take_over(catalog: Catalog, stamp: Stamp, result: DrawResult) -> None:
    """Take the outbox into the database, or say who holds that."""
    started = perf_counter()
    result.errors += take_over(catalog, stamp).corrupt
    result.store_seconds += perf_counter() - started


def _take_over_meanwhile(catalog: Catalog, stamp: Stamp, result: DrawResult) -> None:
    """The same between two batches; if another process holds the database, drawing goes on."""
    started = perf_counter()
    taken = take_over_if_free(catalog, stamp)
    if isinstance(taken, StoreBusyError):
        result.held_up = str(taken)
    else:
        result.errors += taken.corrupt
    result.store_seconds += perf_counter() - started
