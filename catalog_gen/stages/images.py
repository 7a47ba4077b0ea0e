"""Draw the ledger's open work, and store every picture as soon as it exists.

A separate thread writes each batch to the outbox while the next one is drawn; the database ingests
the outbox at intervals, on another thread. A crash loses at most the batch that was not yet
written.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import Delivered, DrawJob, Drawn, Draws, Outcome
from catalog_gen.errors import InputError, StoreBusyError, StoreError
from catalog_gen.progress import report
from catalog_gen.recipe import Failure
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.measuring import WhileDrawing, is_worth_it
from catalog_gen.stages.outgoing import acknowledge
from catalog_gen.stages.takeover import take_over, take_over_if_free
from catalog_gen.store.concepts import concept_sizes, stored_concepts
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.figures import drawn_in_run
from catalog_gen.store.images import kept_among
from catalog_gen.store.ledger import WorkItem, open_recipes, record_failures, work_of
from catalog_gen.store.runs import note_figures

#: Pictures drawn between two ingestions of the outbox into the database.
INGEST_EVERY: Final = 256
#: Pictures whose recipes and products are in memory at a time, about 7 KB each.
PORTION: Final = 20_000
#: Bytes of concepts that are held at a time.
_HELD: Final = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class DrawResult:
    """The result of a drawing stage.

    Attributes:
        generated: pictures that the run made, over all attempts of the stage.
        failed: pictures that could not be drawn, over all attempts of the stage.
        by_shard: number of pictures that this attempt drew, by shard.
        seconds: time spent drawing; ``store_seconds``: moving pictures into the store, most of it
            meanwhile.
        device: 'cpu' or the GPU's name; empty: nothing was to be drawn.
        workers: number of pictures that each worker of a pool drew; empty: there was no pool.
        held_up: the process that locked the database during drawing; empty: none.
        set_aside: damaged outbox files.
    """

    generated: int
    failed: int
    by_shard: Mapping[int, int]
    seconds: float
    store_seconds: float
    device: str
    workers: Mapping[str, int]
    held_up: str
    set_aside: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """Counters of the running stage."""

    by_shard: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    store_seconds: float = 0.0
    device: str = ""
    workers: Counter[str] = field(default_factory=Counter)
    held_up: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    set_aside: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """How it goes, for the progress bar."""
        failed = f"{self.failed} failed" if self.failed else ""
        workers = f"{len(self.workers)} workers" if self.workers else ""
        return ", ".join(filter(None, (failed, workers)))


def draw_missing(
    catalog: Catalog, engine: Callable[[], Draws], shards: Collection[int], stamp: Stamp
) -> DrawResult:
    """Draw all open work of these shards; notes ``images``, ``drawing`` and ``seconds``.

    The work is read in portions, so that memory doesn't grow with it.

    Args:
        engine: called at most once, if there is something to draw.

    Raises:
        StoreBusyError: another process holds the database at the beginning or the end of a portion;
            the drawn pictures wait in the outbox. In between, drawing continues.
        StoreError: the database or the outbox failed; what was drawn before is kept.
        DrawingError: the engine as a whole failed; what was drawn before is kept.
    """
    return _draw_portions(catalog, engine, lambda: _open_work(catalog, shards), stamp)


def draw_found(
    catalog: Catalog,
    engine: Callable[[], Draws],
    find: Callable[[DuckDBPyConnection], list[WorkItem]],
    stamp: Stamp,
) -> DrawResult:
    """Draw the work that ``find`` finds in the database; as ``draw_missing``."""

    def found() -> _Found:
        with catalog.store.reading() as connection:
            work = find(connection)
        return _Found(len(work), iter([work]))

    return _draw_portions(catalog, engine, found, stamp)


@dataclass(frozen=True, slots=True)
class _Found:
    """Work by portions that fit into memory, and how many pictures it is in all."""

    total: int
    portions: Iterator[list[WorkItem]]


def _open_work(catalog: Catalog, shards: Collection[int]) -> _Found:
    with catalog.store.reading() as connection:
        ids = open_recipes(connection, shards, catalog.settings.limits.tries)

    def portions() -> Iterator[list[WorkItem]]:
        for start in range(0, len(ids), PORTION):
            with catalog.store.reading() as connection:
                work = work_of(connection, ids.slice(start, PORTION), shards)
            yield work

    return _Found(len(ids), portions())


def _draw_portions(
    catalog: Catalog,
    engine: Callable[[], Draws],
    find: Callable[[], _Found],
    stamp: Stamp,
) -> DrawResult:
    tally = _Tally()
    loaded: Draws | None = None
    with drawing_lock(catalog.home):
        # Ingest the outbox first: open work read before would include pictures already drawn.
        _take_over(catalog, stamp, tally)
        found = find()
        tally.total = found.total
        for work in found.portions:
            jobs = _jobs(catalog, work, stamp, tally)
            if not jobs:
                continue
            if loaded is None:
                started = perf_counter()
                loaded = engine()
                tally.seconds = perf_counter() - started
            _draw_portion(catalog, loaded, work, jobs, stamp, tally)
        with catalog.store.writing() as connection:
            result = _counted(connection, tally, stamp)
    return result


def _draw_portion(
    catalog: Catalog,
    engine: Draws,
    work: Sequence[WorkItem],
    jobs: Sequence[DrawJob],
    stamp: Stamp,
    tally: _Tally,
) -> None:
    started = perf_counter()
    shard_of = {item.recipe_id: item.shard for item in work}
    beside = _beside(catalog, engine, work, jobs)
    try:
        made = _draw(catalog, engine, jobs, stamp, tally, beside)
        tally.by_shard.update(shard_of[recipe_id] for recipe_id in made)
        tally.seconds += perf_counter() - started
        tally.device = engine.environment.device
        _take_over(catalog, stamp, tally)
        _require_all(catalog, made, tally)
        if beside is not None:
            beside.store()
    finally:
        if beside is not None:
            beside.close()


def _counted(connection: DuckDBPyConnection, tally: _Tally, stamp: Stamp) -> DrawResult:
    """The stage's figures, noted with the run; counted from rows, since a stage may be retried.

    The pictures themselves were stored before, in their own transactions.
    """
    drawn = drawn_in_run(connection, stamp.run_id)
    noted: dict[str, dict[str, object]] = {
        "images": {"generated": drawn.generated, "failed": drawn.failed},
        "seconds": {
            "generate": round(tally.seconds, 3),
            "store": round(tally.store_seconds, 3),
        },
    }
    if tally.device:
        noted["drawing"] = {"device": tally.device} | (
            {"workers": dict(tally.workers)} if tally.workers else {}
        )
    for section, figures in noted.items():
        note_figures(connection, stamp.run_id, section, figures, stamp.now)
    return DrawResult(
        generated=drawn.generated,
        failed=drawn.failed,
        by_shard=tally.by_shard,
        seconds=tally.seconds,
        store_seconds=tally.store_seconds,
        device=tally.device,
        workers=tally.workers,
        held_up=tally.held_up,
        set_aside=tuple(tally.set_aside),
    )


def _jobs(catalog: Catalog, work: Sequence[WorkItem], stamp: Stamp, tally: _Tally) -> list[DrawJob]:
    """Find photos and masks, but no concepts; a product whose photo may not be read fails here."""
    with catalog.store.reading() as connection:
        masks = stored_masks(connection, {each.recipe.mask_sha256 or "" for each in work})
    jobs: list[DrawJob] = []
    failures: list[Failure] = []
    for item in work:
        reference: Path | None = None
        if "photo" in item.recipe.method.needs:
            try:
                folders = catalog.photo_folders
                reference = resolve_reference(item.reference, folders)
            except InputError as error:
                failures.append(Failure(item.recipe_id, str(error), 0.0))
                continue
        mask = masks.get(item.recipe.mask_sha256 or "")
        jobs.append(DrawJob(item.recipe_id, item.recipe, reference, mask))
    if failures:
        tally.total -= len(failures)
        tries = catalog.settings.limits.tries
        with catalog.store.writing() as connection:
            record_failures(connection, failures, tries, stamp.run_id, stamp.now)
    return jobs


def _with_concepts(catalog: Catalog, jobs: Sequence[DrawJob]) -> Iterator[list[DrawJob]]:
    """The jobs with what was learned about their products, in portions that fit into memory."""
    if not any(job.recipe.concept_sha256 for job in jobs):
        yield list(jobs)
        return
    with catalog.store.reading() as connection:
        sizes = concept_sizes(connection)
    portion: list[DrawJob] = []
    held: dict[str, int] = {}
    for job in jobs:
        name = job.recipe.concept_sha256 or ""
        size = sizes.get(name, 0)
        if name not in held and sum(held.values()) + size > _HELD and portion:
            yield _equipped(catalog, portion, held)
            portion, held = [], {}
        held[name] = size
        portion.append(job)
    yield _equipped(catalog, portion, held)


def _equipped(
    catalog: Catalog, jobs: Sequence[DrawJob], concepts: Collection[str]
) -> list[DrawJob]:
    with catalog.store.reading() as connection:
        found = stored_concepts(connection, concepts)
    return [replace(job, concept=found.get(job.recipe.concept_sha256 or "")) for job in jobs]


def _beside(
    catalog: Catalog, engine: Draws, work: Sequence[WorkItem], jobs: Sequence[DrawJob]
) -> WhileDrawing | None:
    """Measure while a GPU draws; a CPU that draws has no time to spare."""
    if engine.delivers or engine.environment.device == "cpu":
        return None
    if not is_worth_it([job.recipe for job in jobs]):
        return None
    return WhileDrawing(catalog, work, jobs)


def _draw(
    catalog: Catalog,
    engine: Draws,
    jobs: Sequence[DrawJob],
    stamp: Stamp,
    tally: _Tally,
    beside: WhileDrawing | None,
) -> list[str]:
    """Draw the jobs and hand them to the outbox, one batch while the next is drawn.

    This thread does nothing but feed the engine.

    Returns the ids of the recipes that now have a picture.
    """
    report("draw", tally.done, tally.total, tally.note)
    made: list[str] = []
    writing: list[Future[None]] = []
    taking: list[Future[None]] = []
    batch: list[Outcome] = []

    def hand_over() -> None:
        writing.append(
            writer.submit(
                acknowledge, catalog.outbox, tuple(batch), engine.environment, stamp.run_id
            )
        )
        batch.clear()

    with ThreadPoolExecutor(1, "outbox") as writer, ThreadPoolExecutor(1, "take-over") as taker:
        try:
            outcomes = chain.from_iterable(map(engine.draw, _with_concepts(catalog, jobs)))
            for done, outcome in enumerate(outcomes, start=1):
                if isinstance(outcome, Delivered):
                    tally.workers[outcome.worker] += 1
                else:
                    batch.append(outcome)
                if isinstance(outcome, Failure) or (
                    isinstance(outcome, Delivered) and outcome.error
                ):
                    tally.failed += 1
                else:
                    made.append(outcome.recipe_id)
                if beside is not None and isinstance(outcome, Drawn):
                    beside.hand_over(outcome)
                if len(batch) == engine.batch_size:
                    hand_over()
                if done % INGEST_EVERY == 0:
                    _finish(writing)
                    if all(each.done() for each in taking):
                        _finish(taking)
                        taking.append(taker.submit(_take_over_meanwhile, catalog, stamp, tally))
                tally.done += 1
                report("draw", tally.done, tally.total, tally.note)
        finally:
            if batch:
                hand_over()
        _finish(writing)
        _finish(taking)
    return made


def _require_all(catalog: Catalog, made: Sequence[str], tally: _Tally) -> None:
    """Count what was acknowledged against what arrived, unless files were damaged on their way.

    Raises:
        StoreError: pictures are missing, and the workers' outbox is not where this machine looks.
    """
    with catalog.store.reading() as connection:
        missing = len(made) - len(kept_among(connection, made))
    if missing and not tally.set_aside:
        raise StoreError(
            f"{missing} of {len(made)} pictures",
            "workers acknowledged them, and they have not arrived in the outbox",
            "Set ray.outbox to a folder that all machines share, or to a bucket, and run again.",
        )


def _finish(writing: list[Future[None]]) -> None:
    """Wait for the outbox, or the database; what could not be written ends the stage."""
    for future in writing:
        future.result()
    writing.clear()


def _take_over(catalog: Catalog, stamp: Stamp, tally: _Tally) -> None:
    """Move the outbox into the database, or return the process that locks it."""
    started = perf_counter()
    tally.set_aside += take_over(catalog, stamp).corrupt
    tally.store_seconds += perf_counter() - started


def _take_over_meanwhile(catalog: Catalog, stamp: Stamp, tally: _Tally) -> None:
    """The same while others are drawn; if another process holds the database, they wait."""
    started = perf_counter()
    taken = take_over_if_free(catalog, stamp)
    if isinstance(taken, StoreBusyError):
        tally.held_up = str(taken)
    else:
        tally.set_aside += taken.corrupt
    tally.store_seconds += perf_counter() - started
