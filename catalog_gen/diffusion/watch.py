"""The callback after every denoising step: progress, the deadline, and stopping."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

from catalog_gen.diffusion.faults import DeadlineExceeded, Stopped

Progress = Callable[[float], None]


class Meter:
    """Counts pictures for the caller's progress bar; a half-drawn picture counts as half."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0
        self._shown = 0.0

    def finished(self, pictures: int) -> None:
        """Count pictures that are finished or have failed."""
        self._done += pictures
        self.running(0.0)

    def running(self, pictures: float) -> None:
        """Report the current batch's progress, in pictures; progress never goes backwards."""
        self._shown = max(self._shown, self._done + pictures)
        if self._progress is not None:
            self._progress(self._shown)


class StepWatch:
    """The callback of one batch. It can stop a batch between steps, never inside one."""

    def __init__(self, pictures: int, meter: Meter, stop: Event, deadline: float) -> None:
        self._pictures = pictures
        self._meter = meter
        self._stop = stop
        self._until = monotonic() + deadline

    def __call__(
        self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        """Called by the pipeline after step ``step`` (from 0); changes no tensor."""
        if self._stop.is_set():
            raise Stopped
        if monotonic() > self._until:
            raise DeadlineExceeded
        self._meter.running(self._pictures * (step + 1) / pipeline.num_timesteps)
        return {}
