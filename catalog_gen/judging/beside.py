"""Measure pictures in separate processes while others are drawn or scored.

All signals and the lettering detector together take 50 to 80 ms of CPU time per picture, longer on
one thread than a GPU needs to draw. The processes hold neither the database nor the GPU. If a run
dies, what they have not finished is measured when the pictures are scored.
"""

import os
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.references import Origin, load_origin
from catalog_gen.errors import InputError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import MEASURING_SIDE, Asked
from catalog_gen.owner import end_with_owner

#: Maximum number of processes: eight measure more pictures per second than any current GPU draws.
MOST_WORKERS: Final = 8
#: Maximum number of waiting pictures, 3 MB each at 1,024 x 1,024; others are measured later.
MOST_WAITING: Final = 256
#: Measured pixels below which starting the processes (two seconds) costs more than they save.
WORTH_IT: Final = 60_000_000
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: Lower priority than the thread that feeds the GPU.
_NICE: Final = 5


def workers() -> int:
    """Number of workers: half of the cores that this process may use, within limits."""
    return max(1, min(MOST_WORKERS, len(os.sched_getaffinity(0)) // 2))


def measured_pixels(width: int, height: int) -> int:
    """Number of measured pixels of a picture, which is reduced first."""
    return min(width, MEASURING_SIDE) * min(height, MEASURING_SIDE)


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to be measured, with what it should show and the job of its reference photo."""

    image_id: str
    asked: Asked
    photo: DrawJob | None = None


class Beside:
    """A pool of measuring processes, started with the first picture.

    Args:
        lettering: the lettering detector's weights; None if it is not configured.
    """

    def __init__(self, lettering: Path | None) -> None:
        self._lettering = lettering
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: dict[Future[Signals | None], Task] = {}
        self._broken = False

    def hand_over(self, task: Task, pixels: Pixels) -> bool:
        """Start measuring a picture (H, W, 3); False if too many wait or the processes died."""
        if self._broken or len(self._waiting) >= MOST_WAITING:
            return False
        if self._pool is None:
            # Not by fork: this process has threads of torch and Dagster.
            self._pool = ProcessPoolExecutor(
                workers(), get_context("spawn"), initializer=_settle_down
            )
        try:
            with _one_thread_each():  # the first picture starts the processes
                future = self._pool.submit(_measured, pixels, task, self._lettering)
        except BrokenExecutor:
            self._broken = True
            return False
        self._waiting[future] = task
        return True

    def finished(self, *, wait: bool) -> Iterator[tuple[Task, Signals]]:
        """Finished measurements, with ``wait`` all of them; failed ones are left out."""
        done = [future for future in self._waiting if wait or future.done()]
        for future in done:
            task = self._waiting.pop(future)
            try:
                signals = future.result()
            except BrokenExecutor:
                self._broken = True
                continue
            if signals is not None:
                yield task, signals

    def close(self) -> None:
        """End the processes; waiting pictures are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start in this block compute on one thread.

    NumPy's matrix products wake one thread per core, which then spins: measuring a picture took 76
    ms of CPU time on two cores instead of 35. NumPy reads this when it is loaded.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _settle_down() -> None:
    """Behind whoever draws, and not beyond its end."""
    end_with_owner()
    os.nice(_NICE)


def _measured(pixels: Pixels, task: Task, lettering: Path | None) -> Signals | None:
    """Measure in a process of the pool; None if the photo can no longer be read."""
    try:
        origin = None if task.photo is None else _origin(task.photo)
    except InputError:
        return None
    signals = measure(pixels, asked=task.asked, origin=origin)
    detector = _detector(lettering)
    if detector is None:
        return signals
    return signals.with_answers(lettering=detector.look([pixels])[0])


@lru_cache(maxsize=1)
def _detector(weights: Path | None) -> LetteringDetector | None:
    if weights is None:
        return None
    import torch

    torch.set_num_threads(1)
    return LetteringDetector.of(weights)


@lru_cache(maxsize=8)
def _origin(job: DrawJob) -> Origin:
    """The decoded photo, cached: consecutive candidates of a product and view share it."""
    return load_origin(job)
