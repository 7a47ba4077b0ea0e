"""How fast pictures with concepts are drawn, in batches of one product, against text2img's."""

from collections.abc import Iterator
from statistics import median
from time import process_time
from typing import Any, Final

from likeness.drawing import Studio
from likeness.requests import ITSELF
from likeness.ways import WAYS
from studio.photos.pairs import Pair

#: The yardstick, and one way a learner.
PLAIN: Final = "text2img"
COMPARED: Final = (PLAIN, "inversion", "LoRA", "pivotal")
ROUNDS: Final = 3


def speed(scenes: Iterator[Pair], studio: Studio, side: int) -> dict[str, Any]:
    """Pictures per second of processor time, the median of rounds in which the ways take turns.

    Every product's pictures are one call, so each batch, and what the model wears for it, is its
    own. Processor time, because other processes take the clock's.
    """
    jobs: dict[str, list[Any]] = {name: [] for name in COMPARED}
    for pair in scenes:
        for name in COMPARED:
            orders = studio.orders(pair.reduced(side), WAYS[name])
            assert orders is not None  # these need no mask
            jobs[name] += orders[ITSELF].jobs
    for name in COMPARED:  # kernels and caches
        list(studio.engine(WAYS[name]).draw(jobs[name][:1]))
    paces: dict[str, list[float]] = {name: [] for name in COMPARED}
    for _ in range(ROUNDS):
        for name in COMPARED:
            started = process_time()
            drawn = list(studio.engine(WAYS[name]).draw(jobs[name]))
            paces[name].append(len(drawn) / (process_time() - started))
    return {
        name: {
            "pictures per second": round(median(pace), 4),
            f"of {PLAIN}": round(
                median(own / plain for own, plain in zip(pace, paces[PLAIN], strict=True)), 4
            ),
        }
        for name, pace in paces.items()
    }
