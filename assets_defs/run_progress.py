"""Report a stage's progress in Dagster's run log at intervals."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import dagster as dg

from catalog_gen.progress import Progress, reporting_to

#: Seconds between two lines of the run log: a night of hours must stay readable.
EVERY: Final = 15.0


@contextmanager
def progress_in_run_log(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Log the progress of the stages in the block: at the start, at intervals, at the end."""
    started = last = monotonic()

    def log(progress: Progress) -> None:
        nonlocal started, last
        now = monotonic()
        if progress.done == 0:
            started = now
        elif progress.done < progress.total and now - last < EVERY:
            return
        last = now
        context.log.info(in_words(progress, now - started))

    with reporting_to(log):
        yield


def in_words(progress: Progress, seconds: float) -> str:
    """For example "draw: 32 of 158, 0.8 a second, about 160 s left; 1 failed"."""
    words = f"{progress.stage}: {progress.done} of {progress.total}"
    if progress.done and seconds > 0:
        rate = progress.done / seconds
        words += f", {rate:.2g} a second"
        if progress.done < progress.total:
            words += f", about {(progress.total - progress.done) / rate:.0f} s left"
    return f"{words}; {progress.note}" if progress.note else words
