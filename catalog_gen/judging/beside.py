"""Measures pictures in processes of their own, beside whoever draws or scores.

All signals and the look for lettering together take 50 to 80 ms of a processor a picture; on one
thread that is longer than a GPU draws. The processes hold neither the database nor the GPU, and
what they have not finished when a run dies is measured when the pictures are scored.
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

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.references import Origin, load_origin
from catalog_gen.errors import InputError
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import MEASURING_SIDE, Asked

Pixels = NDArray[np.uint8]

#: Processes at most: eight measure more pictures a second than any GPU of today draws.
MOST_WORKERS: Final = 8
#: Pictures that may wait, 3 MB each at 1,024 x 1,024; what is beyond that is measured later.
MOST_WAITING: Final = 256
#: Measured pixels below which starting the processes (two seconds) costs more than they save.
WORTH_IT: Final = 60_000_000
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: So that the thread that feeds the GPU goes first.
_NICE: Final = 5


def workers() -> int:
    """Half of the cores that this process may use, within limits."""
    return max(1, min(MOST_WORKERS, len(os.sched_getaffinity(0)) // 2))


def measured_pixels(width: int, height: int) -> int:
    """Pixels of a picture that are looked at: it is reduced first."""
    return min(width, MEASURING_SIDE) * min(height, MEASURING_SIDE)


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to be measured: against what, and the job of the photo that it started from."""

    image_id: str
    asked: Asked
    photo: DrawJob | None = None


class Beside:
    """A pool of measuring processes, started with the first picture.

    Args:
        lettering: the weights that look for lettering; None: nobody looks.
    """

    def __init__(self, lettering: Path | None) -> None:
        self._lettering = lettering
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: dict[Future[Signals | None], Task] = {}
        self._broken = False

    def hand_over(self, task: Task, pixels: Pixels) -> bool:
        """Begin to measure a picture (H, W, 3); False: too many wait, or the processes died."""
        if self._broken or len(self._waiting) >= MOST_WAITING:
            return False
        if self._pool is None:
            # Not by fork: this process has threads, of torch and of Dagster.
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
        """What is done, or with ``wait`` everything; pictures that couldn't be are left out."""
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
        """End the processes; what waits is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start meanwhile compute on one thread.

    NumPy's matrix products wake a thread a core, which then spins: measuring a picture took 76 ms
    of processor time on two cores instead of 35. It reads this when it is loaded.
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
    """Behind whoever draws."""
    os.nice(_NICE)


def _measured(pixels: Pixels, task: Task, lettering: Path | None) -> Signals | None:
    """Runs in a process of the pool; None: the photo can't be read any more."""
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
    """Candidates of one product and view follow each other, and share their photo."""
    return load_origin(job)
