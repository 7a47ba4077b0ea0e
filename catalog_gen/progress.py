"""How far a long stage is: reported by whoever works, shown by whoever started the work.

The reporters travel in a context variable, because Dagster stands between the command that draws
the bars and the stage that knows the numbers. Without a reporter, reports go nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of a stage's ``total`` items; ``note`` says what came of them, if that is known."""

    stage: str
    done: int
    total: int
    note: str = ""


Reporter = Callable[[Progress], None]

_reporters: ContextVar[tuple[Reporter, ...]] = ContextVar("reporters", default=())


def report(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell the reporters, if there are any."""
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
