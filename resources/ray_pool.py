"""A pool of Ray workers that draws one plan.

The driver, this process, plans, hands out batches and ingests pictures from the outbox; workers
draw and write. One Ray task is one planned batch, so that the bytes are those of one machine. The
batches of a dead worker are drawn again, except the pictures that it had acknowledged; a batch that
has cost several workers fails, picture by picture.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil

from catalog_gen.diffusion.batching import BatchKey, Pending
from catalog_gen.diffusion.jobs import Delivered, DrawJob, Outcome
from catalog_gen.errors import StoreBusyError
from catalog_gen.recipe import Environment, Failure
from catalog_gen.settings.workers import RaySettings
from resources.ray_crew import MOST_LOSSES, Crew, Loaded, Lost
from resources.ray_workers import DrawingOrders, DrawingWorker, files_of

Batch = tuple[DrawJob, ...]


class RayPool:
    """Draws with as many workers as there is work for, within the settings' limits.

    Args:
        orders: what a worker needs to know.
        arrived: returns those of the recipes that have a picture in the outbox or the database.
    """

    def __init__(
        self,
        settings: RaySettings,
        orders: DrawingOrders,
        arrived: Callable[[Sequence[str]], Collection[str]],
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._arrived = arrived
        self._crew = _Crew(settings, DrawingWorker, orders)
        self._losses: Counter[str] = Counter()

    @property
    def batch_size(self) -> int:
        """The size that workers pad their batches to."""
        return self._orders.setup.settings.batch_size

    @property
    def delivers(self) -> bool:
        """Always True: workers write to the outbox."""
        return True

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that have loaded, on any machine."""
        return self._crew.pids

    @property
    def environment(self) -> Environment:
        """The environment of the worker that loaded last; every picture records its own.

        Raises:
            CatalogError: no worker can be started, or the model can't be loaded.
        """
        while self._crew.environment is None:
            self._crew.resize(1)
            list(self._crew.heard())  # without answers: no batch was handed out yet
        return self._crew.environment

    def draw(self, jobs: Sequence[DrawJob]) -> Iterator[Outcome | Delivered]:
        """Draw all jobs; yield each one's outcome when its worker has acknowledged its batch.

        Raises:
            CatalogError: the model can't be loaded, the outbox can't be written, or no worker
                stays alive. Everything acknowledged is in the outbox.
        """
        pending = Pending(jobs)
        self._expect({job.recipe.model_hash for job in jobs})
        try:
            while pending or self._crew.busy:
                self._crew.resize(ceil(len(pending) / self.batch_size))
                self._hand_out(pending)
                for batch, answer in self._crew.heard():
                    if isinstance(answer, Lost):
                        yield from self._lost(batch, pending)
                    else:
                        yield from answer
        finally:
            self.close()

    def close(self) -> None:
        """End all workers."""
        self._crew.close()

    def _expect(self, models: set[str]) -> None:
        """Let workers load only the plan's model, if there is just one."""
        if len(models) == 1 and self._orders.model_hash not in models:
            self._crew.close()
            self._orders = replace(self._orders, model_hash=models.pop())
            self._crew = _Crew(self._settings, DrawingWorker, self._orders)

    def _hand_out(self, pending: Pending) -> None:
        for worker in self._crew.free():
            if not pending:
                return
            batch = tuple(pending.take(self.batch_size))
            worker.tasks[worker.actor.draw.remote(batch, files_of(batch))] = batch

    def _lost(self, batch: Batch, pending: Pending) -> Iterator[Outcome | Delivered]:
        """Put a dead worker's batch back, except what it had acknowledged."""
        recipe_ids = [job.recipe_id for job in batch]
        safe: Collection[str] = ()
        with suppress(StoreBusyError):  # some may be drawn twice; the second picture is dropped
            safe = self._arrived(recipe_ids)
        yield from (Delivered(each, "a worker that died") for each in recipe_ids if each in safe)
        rest = [job for job in batch if job.recipe_id not in safe]
        if not rest:
            return
        self._losses[rest[0].recipe_id] += 1
        if self._losses[rest[0].recipe_id] < MOST_LOSSES:
            pending.put_back(BatchKey.of(rest[0].recipe), rest)
            return
        why = f"its batch was lost with {MOST_LOSSES} Ray workers; look for a lack of memory"
        yield from (Failure(job.recipe_id, why, 0.0) for job in rest)


class _Crew(Crew[Batch]):
    """Drawing workers, and the environment of the one that loaded last."""

    environment: Environment | None = None

    def loaded(self, answer: Loaded) -> None:
        self.environment = answer.about
