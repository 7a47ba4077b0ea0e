"""Ray workers of one kind: starting and ending them, their tasks, and noticing when they die.

The owner hands out tasks, and gets back those of a worker that died. Workers return errors that are
meant for people as ``Broken``, since Ray would wrap them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from catalog_gen.diffusion.engine_process import Broken
from catalog_gen.diffusion.jobs import DEADLINE
from catalog_gen.errors import DrawingError
from catalog_gen.settings.workers import RaySettings
from resources.ray_cluster import connect, gpus_each, room_for

if TYPE_CHECKING:
    from ray import ObjectRef

#: Tasks that a worker has at a time: it computes one while it reads or writes for the other.
AT_A_TIME: Final = 2
#: How many workers a task may cost, and how many may die in a row while they load.
MOST_LOSSES: Final = 3
#: Seconds after which a silent worker counts as lost. Its engine gives up long before.
_SILENCE: Final = 3 * DEADLINE
#: Seconds to wait for an answer before the clock is checked.
_LISTEN: Final = 5.0

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A worker that has loaded its models: its process id, and what its owner wants to know."""

    pid: int
    about: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """Takes the place of an answer: the worker died, or was silent for hours."""


@dataclass(eq=False)
class Worker(Generic[Task]):
    """The driver's side of one worker."""

    actor: Any
    loading: "ObjectRef[Any] | None"
    tasks: "dict[ObjectRef[Any], Task]" = field(default_factory=dict)
    pid: int | None = None
    heard: float = field(default_factory=monotonic)

    @property
    def references(self) -> "list[ObjectRef[Any]]":
        """The answers that it owes."""
        return [*self.tasks, *([] if self.loading is None else [self.loading])]


class Crew(Generic[Task]):
    """As many workers as there is work for, within the settings' limits.

    Args:
        kind: the class of the workers; it has a method ``load``, which returns ``Loaded`` or
            ``Broken``.
        orders: the argument of their constructor.
    """

    def __init__(self, settings: RaySettings, kind: type, orders: object) -> None:
        self._settings = settings
        self._kind = kind
        self._orders = orders
        self._workers: list[Worker[Task]] = []
        self._died_loading = 0

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that have loaded, on any machine."""
        return [each.pid for each in self._workers if each.pid is not None]

    @property
    def busy(self) -> bool:
        """Whether a worker has a task."""
        return any(each.tasks for each in self._workers)

    def resize(self, waiting: int) -> None:
        """Start and end workers; ``waiting`` is the number of tasks not yet handed out."""
        busy = [each for each in self._workers if each.tasks]
        idle = [each for each in self._workers if not each.tasks]
        most = self._settings.max_workers or room_for(self._settings)
        wanted = min(most, max(self._settings.min_workers, len(busy) + waiting))
        for worker in idle[max(0, wanted - len(busy)) :]:
            self._end(worker)
        for _ in range(wanted - len(self._workers)):
            self._start()

    def free(self) -> Iterator[Worker[Task]]:
        """Loaded workers that can take a task: first those without any, then the others."""
        for load in range(AT_A_TIME):
            for worker in self._workers:
                if worker.loading is None and len(worker.tasks) == load:
                    yield worker

    def heard(self) -> Iterator[tuple[Task, Any]]:
        """Wait for the next answers to tasks; ``Lost`` if the worker is gone.

        Raises:
            CatalogError: a worker failed in a way that every worker would.
        """
        ray = connect()
        waiting = {ref: worker for worker in self._workers for ref in worker.references}
        answered, _ = ray.wait(list(waiting), num_returns=1, timeout=_LISTEN)
        if not answered:
            yield from self._silent()
        for reference in answered:
            worker = waiting[reference]
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayTaskError:
                raise  # a bug in the worker's code, which every worker has
            except ray.exceptions.RayError:
                yield from self._gone(worker)
                continue
            worker.heard = monotonic()
            if isinstance(answer, Broken):
                raise answer.error
            if reference == worker.loading:
                worker.loading, worker.pid, self._died_loading = None, answer.pid, 0
                self.loaded(answer)
            else:
                yield worker.tasks.pop(reference), answer

    def loaded(self, answer: Loaded) -> None:
        """Called when a worker has loaded."""

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._end(worker)

    def _start(self) -> None:
        actor = (
            connect()
            .remote(self._kind)
            .options(
                num_cpus=self._settings.cpus,
                num_gpus=gpus_each(self._settings),
                max_concurrency=AT_A_TIME,
            )
        )
        handle = actor.remote(self._orders)
        self._workers.append(Worker(handle, handle.load.remote()))

    def _end(self, worker: Worker[Task]) -> None:
        """Kill a worker."""
        self._workers.remove(worker)
        connect().kill(worker.actor)

    def _gone(self, worker: Worker[Task]) -> Iterator[tuple[Task, Lost]]:
        if worker not in self._workers:
            return  # already noticed by another of its tasks
        self._end(worker)
        self._died_loading += worker.loading is not None
        if self._died_loading >= MOST_LOSSES:
            raise DrawingError(
                f"{MOST_LOSSES} Ray workers",
                "they ended one after another while they loaded their models",
                "Look for a lack of memory (`ray status`, dmesg on their machines) and run again.",
            )
        for task in worker.tasks.values():
            yield task, Lost()

    def _silent(self) -> Iterator[tuple[Task, Lost]]:
        """Without answers, check that workers have started and are not hanging."""
        now, patience = monotonic(), self._settings.patience
        if all(each.loading and now - each.heard > patience for each in self._workers):
            wanted = f"{self._settings.cpus:g} CPUs and {gpus_each(self._settings):g} GPUs"
            raise DrawingError(
                f"a Ray worker with {wanted}",
                f"none has started within {patience:g} s",
                "Compare `ray status` with [ray] in the settings; raise ray.patience where "
                "machines take longer to arrive.",
            )
        for worker in list(self._workers):
            if worker.tasks and now - worker.heard > _SILENCE:
                yield from self._gone(worker)
