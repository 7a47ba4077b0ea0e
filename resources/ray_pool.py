"""A pool of Ray workers that draws one plan.

The driver, this process, plans, hands out batches, and takes pictures over from the outbox; workers
draw and write. One Ray task is one planned batch, so that nothing is batched anew and the bytes are
those of one machine. The batches of a dead worker are drawn again, without the pictures that it had
acknowledged; a batch that has killed several workers fails, picture by picture.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from catalog_gen.diffusion.batching import BatchKey, Pending
from catalog_gen.diffusion.engine_process import Broken
from catalog_gen.diffusion.jobs import DEADLINE, Delivered, DrawJob, Outcome
from catalog_gen.errors import DrawingError, StoreBusyError
from catalog_gen.recipe import Environment, Failure
from catalog_gen.settings import RaySettings
from resources.ray_cluster import connect, gpus_each, room_for
from resources.ray_worker import DrawingWorker, Orders, Ready

if TYPE_CHECKING:
    from ray import ObjectRef

#: Batches that a worker has at a time: it draws one while it writes the other.
_AT_A_TIME: Final = 2
#: Workers that a batch may kill, and that may die one after another while they load.
_MOST_LOSSES: Final = 3
#: Seconds for a batch, after which its worker counts as lost. Its engine gives up long before.
_SILENCE: Final = 3 * DEADLINE
#: Seconds between two looks at the clock while nothing happens.
_LISTEN: Final = 5.0

#: Stands for the loading of the model among the batches that were lost.
_LOADING: Final = ""

Batch = tuple[DrawJob, ...]


@dataclass(eq=False)
class _Worker:
    """The driver's side of one worker. ``tasks`` are its batches; None stands for loading."""

    actor: Any
    pid: int | None = None
    tasks: "dict[ObjectRef[Any], Batch | None]" = field(default_factory=dict)
    since: float = field(default_factory=monotonic)
    """When it was last heard of."""

    @property
    def batches(self) -> list[Batch]:
        return [batch for batch in self.tasks.values() if batch is not None]


class RayPool:
    """Draws with as many workers as there is work for, within the settings' limits.

    Args:
        orders: what each worker needs to know.
        arrived: says which of these recipes have a picture in the outbox or the database.
    """

    def __init__(
        self,
        settings: RaySettings,
        orders: Orders,
        arrived: Callable[[Sequence[str]], Collection[str]],
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._arrived = arrived
        self._workers: list[_Worker] = []
        self._environment: Environment | None = None
        self._losses: Counter[str] = Counter()
        self._model_hash: str | None = None

    @property
    def batch_size(self) -> int:
        """The size that each worker pads its batches to."""
        return self._orders.setup.settings.batch_size

    @property
    def delivers(self) -> bool:
        """Always: workers write to the outbox."""
        return True

    @property
    def pids(self) -> list[int]:
        """The ids of the workers' processes, on whatever machine, once they have loaded."""
        return [each.pid for each in self._workers if each.pid is not None]

    @property
    def environment(self) -> Environment:
        """That of the first worker; others may differ, and each picture has its own.

        Raises:
            CatalogError: no worker can be started, or the model can't be loaded.
        """
        while self._environment is None:
            self._resize(1)
            for _ in self._heard():
                pass  # no batch was handed out yet
        return self._environment

    def draw(self, jobs: Sequence[DrawJob]) -> Iterator[Outcome | Delivered]:
        """Draw all jobs; yield each one's outcome when its worker has acknowledged its batch.

        Raises:
            CatalogError: the model can't be loaded, the outbox can't be written, or no worker
                stays alive. All that was acknowledged is in the outbox.
        """
        pending = Pending(jobs)
        models = {job.recipe.model_hash for job in jobs}
        self._model_hash = models.pop() if len(models) == 1 else None
        try:
            while pending or any(each.batches for each in self._workers):
                self._resize(ceil(len(pending) / self.batch_size))
                self._hand_out(pending)
                for batch, delivered in self._heard():
                    if delivered is None:
                        yield from self._lost(batch, pending)
                    else:
                        yield from delivered
        finally:
            self.close()

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._end(worker)

    def _resize(self, waiting: int) -> None:
        """Start and end workers; ``waiting`` is the number of batches that nobody has."""
        busy = [each for each in self._workers if each.batches]
        idle = [each for each in self._workers if not each.batches]
        most = self._settings.max_workers or room_for(self._settings)
        wanted = min(most, max(self._settings.min_workers, len(busy) + waiting))
        for worker in idle[max(0, wanted - len(busy)) :]:
            self._end(worker)
        for _ in range(wanted - len(self._workers)):
            self._start()

    def _start(self) -> None:
        ray = connect()
        kind = ray.remote(DrawingWorker).options(
            num_cpus=self._settings.cpus,
            num_gpus=gpus_each(self._settings),
            max_concurrency=_AT_A_TIME,
        )
        worker = _Worker(kind.remote(self._orders))
        worker.tasks[worker.actor.load.remote(self._model_hash)] = None
        self._workers.append(worker)

    def _end(self, worker: _Worker) -> list[Batch]:
        """End a worker, whatever it does; returns what it had not delivered."""
        self._workers.remove(worker)
        connect().kill(worker.actor)
        return worker.batches

    def _hand_out(self, pending: Pending) -> None:
        """Give each loaded worker one batch, and a second one once all have their first."""
        for load in range(_AT_A_TIME):
            for worker in self._workers:
                loaded = None not in worker.tasks.values()
                if loaded and len(worker.tasks) == load and pending:
                    batch = tuple(pending.take(self.batch_size))
                    worker.tasks[worker.actor.draw.remote(batch, _photos(batch))] = batch

    def _heard(self) -> Iterator[tuple[Batch, list[Delivered] | None]]:
        """Wait for the next answers: batches, with None for those whose worker is lost.

        Raises:
            CatalogError: a worker can't go on, and no other one could.
        """
        ray = connect()
        waiting = {ref: worker for worker in self._workers for ref in worker.tasks}
        answered, _ = ray.wait(list(waiting), num_returns=1, timeout=_LISTEN)
        if not answered:
            yield from self._silent()
        for ref in answered:
            worker = waiting[ref]
            try:
                answer = ray.get(ref)
            except ray.exceptions.RayError as error:
                if isinstance(error, ray.exceptions.RayTaskError):
                    raise  # a bug in the worker's code, which every worker has
                yield from self._gone(worker)
                continue
            worker.since = monotonic()
            batch = worker.tasks.pop(ref)
            if isinstance(answer, Broken):
                raise answer.error
            if isinstance(answer, Ready):
                worker.pid, self._environment = answer.pid, answer.environment
                self._losses[_LOADING] = 0
            elif batch is not None:
                yield batch, answer

    def _gone(self, worker: _Worker) -> Iterator[tuple[Batch, None]]:
        if None in worker.tasks.values():
            self._losses[_LOADING] += 1
            if self._losses[_LOADING] >= _MOST_LOSSES:
                raise DrawingError(
                    f"{_MOST_LOSSES} Ray workers",
                    "they ended one after another while they loaded the model",
                    "Look for a lack of memory (`ray status`, dmesg on their machines) and run "
                    "again.",
                )
        for batch in self._end(worker):
            yield batch, None

    def _silent(self) -> Iterator[tuple[Batch, None]]:
        """Nothing was heard: are there workers at all, and do they still do something?"""
        now = monotonic()
        loaded = [each for each in self._workers if None not in each.tasks.values()]
        patience = self._settings.patience
        if not loaded and all(now - each.since > patience for each in self._workers):
            wanted = f"{self._settings.cpus:g} CPUs and {gpus_each(self._settings):g} GPUs"
            raise DrawingError(
                f"a Ray worker with {wanted}",
                f"none has started within {patience:g} s",
                "Compare `ray status` with [ray] in the settings; raise ray.patience where "
                "machines take longer to arrive.",
            )
        for worker in loaded:
            if worker.batches and now - worker.since > _SILENCE:
                yield from self._gone(worker)

    def _lost(self, batch: Batch, pending: Pending) -> Iterator[Outcome | Delivered]:
        """Put a dead worker's batch back, without what it had acknowledged."""
        recipe_ids = [job.recipe_id for job in batch]
        safe: Collection[str] = ()
        with suppress(StoreBusyError):  # then they may be drawn twice, and the second is dropped
            safe = self._arrived(recipe_ids)
        yield from (Delivered(each, "a worker that died") for each in recipe_ids if each in safe)
        rest = [job for job in batch if job.recipe_id not in safe]
        if not rest:
            return
        self._losses[rest[0].recipe_id] += 1
        if self._losses[rest[0].recipe_id] < _MOST_LOSSES:
            pending.put_back(BatchKey.of(rest[0].recipe), rest)
            return
        why = f"its batch was lost with {_MOST_LOSSES} Ray workers; look for a lack of memory"
        yield from (Failure(job.recipe_id, why, 0.0) for job in rest)


def _photos(batch: Batch) -> dict[str, bytes]:
    """The files of a batch's photos by SHA-256; the worker says what is wrong with the others."""
    photos: dict[str, bytes] = {}
    for job in batch:
        sha256 = job.recipe.reference_sha256
        if sha256 is not None and job.reference is not None and sha256 not in photos:
            with suppress(OSError):
                photos[sha256] = job.reference.read_bytes()
    return photos
