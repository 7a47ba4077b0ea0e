"""One background thread that runs tasks in turn.

A daemon thread, unlike those of ``concurrent.futures``: a task that hangs inside the GPU driver
can't be stopped, and must not keep the process from ending.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Runs one kind of task, one at a time, in parallel to its owner."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], T], Future[T]] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[], T]) -> "Future[T]":
        """Queue a task; its result or exception arrives in the future."""
        future: Future[T] = Future()
        self._tasks.put((task, future))
        return future

    def close(self, patience: float) -> None:
        """Let the thread end after its task, and wait for that, ``patience`` seconds at most."""
        self._tasks.put(None)
        self._thread.join(patience)

    def _serve(self) -> None:
        while (item := self._tasks.get()) is not None:
            task, future = item
            try:
                future.set_result(task())
            except BaseException as error:  # everything, to be raised in the owner's thread
                future.set_exception(error)
            # Otherwise a batch of pictures would stay in memory until the next one is finished.
            del item, task, future
