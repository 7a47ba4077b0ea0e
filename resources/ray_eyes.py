"""A pool of Ray workers that looks at pictures: CLIP, critic, lettering, signals.

The driver reads pictures, hands them out and stores the answers. Looking at a picture twice does no
harm, so the portion of a dead worker is simply given to another one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from catalog_gen.errors import DrawingError
from catalog_gen.judging.looking import Looked, Sight
from catalog_gen.settings.workers import RaySettings
from resources.ray_crew import AT_A_TIME, MOST_LOSSES, Crew, Lost
from resources.ray_workers import LookingOrders, LookingWorker, files_of

Portion = tuple[Sight, ...]


class RayEyes:
    """Looks with as many workers as there are portions, within the settings' limits."""

    #: Pictures per task: one or two batches of the scorer.
    portion: Final = 32

    def __init__(self, settings: RaySettings, orders: LookingOrders) -> None:
        self._crew: Crew[Portion] = Crew(settings, LookingWorker, orders)
        self._losses: Counter[str] = Counter()

    def look(self, portions: Iterable[Sequence[Sight]]) -> Iterator[list[Looked]]:
        """What is found in the portions, as soon as it arrives.

        Portions are read only as workers have room for them.

        Raises:
            CatalogError: a network can't be loaded, or no worker stays alive.
        """
        coming = map(tuple, portions)
        waiting: list[Portion] = []
        more = True
        while more or waiting or self._crew.busy:
            while more and len(waiting) < AT_A_TIME:
                found = next(coming, None)
                waiting += [] if found is None else [found]
                more = found is not None
            self._crew.resize(len(waiting))
            for worker in self._crew.free():
                if not waiting:
                    break
                portion = waiting.pop(0)
                photos = files_of([each.photo for each in portion if each.photo is not None])
                worker.tasks[worker.actor.look.remote(portion, photos)] = portion
            if not self._crew.busy and not waiting and not more:
                return
            for portion, answer in self._crew.heard():
                if isinstance(answer, Lost):
                    waiting.insert(0, self._again(portion))
                else:
                    yield answer

    def close(self) -> None:
        """End all workers."""
        self._crew.close()

    def _again(self, portion: Portion) -> Portion:
        first = portion[0].image_id
        self._losses[first] += 1
        if self._losses[first] >= MOST_LOSSES:
            raise DrawingError(
                f"{len(portion)} pictures from {first[:16]} on",
                f"{MOST_LOSSES} Ray workers ended while they looked at them",
                "Look for a lack of memory (`ray status`, dmesg on their machines) and run again.",
            )
        return portion
