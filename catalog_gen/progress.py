"""Progress of long stages, passed from the stage to the command that shows it.

Reporters are kept in a context variable, because Dagster runs between the command that draws the
bars and the stage that knows the numbers. Without a reporter, reports are dropped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of a stage's ``total`` items; ``note`` describes the results so far, if known."""

    stage: str
    done: int
    total: int
    note: str = ""


Reporter = Callable[[Progress], None]

_reporters: ContextVar[tuple[Reporter, ...]] = ContextVar("reporters", default=())


def report(stage: str, done: int, total: int, note: str = "") -> None:
    """Send a progress report to all current reporters."""
    for reporter in _reporters.get():
        reporter(Progress(stage, done, total, note))


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Send the reports of everything called inside to this reporter, too."""
    token = _reporters.set((*_reporters.get(), reporter))
    try:
        yield
    finally:
        _reporters.reset(token)
