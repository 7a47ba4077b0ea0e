"""How far a long stage is: reported by whoever works, shown by whoever started the work.

The reporter travels in a context variable, because Dagster stands between the command that draws
the bars and the stage that knows the numbers. Without a reporter, reports go nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Called with the stage's name, how many items are done, and how many there are.
Reporter = Callable[[str, int, int], None]

_reporter: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


def report(stage: str, done: int, total: int) -> None:
    """Tell the reporter, if there is one."""
    reporter = _reporter.get()
    if reporter is not None:
        reporter(stage, done, total)


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Send the reports of everything called inside to this reporter."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)
