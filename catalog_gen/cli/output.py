"""Command output: JSON on standard output, everything for people on standard error."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from catalog_gen.catalog.feeds import platform_title
from catalog_gen.progress import Progress, reporting_to

#: Delete and the C1 controls, which JSON does not escape; 0x9b alone begins a sequence.
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def harmless(text: str) -> str:
    """The text with terminal control characters made visible: ESC becomes "\\x1b".

    Feeds and reviews come from outside and may contain control sequences.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text
    )


class _Harmless(Console):
    """A console that makes all strings ``harmless``, including those in tables and trees."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(harmless(text), **how)


#: For people, on standard error; tables that answer a question go through ``answers``.
messages: Final[Console] = _Harmless(stderr=True, highlight=False)
answers: Final[Console] = _Harmless(highlight=False)


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(f"{text.translate(_CONTROLS)}\n")


@contextmanager
def progress_bars() -> Iterator[None]:
    """Show each stage's progress: a bar in a terminal, elsewhere one line when it ends.

    They use a descriptor of their own, because Dagster redirects standard error to a file while a
    step runs.
    """
    if sys.stderr is None:  # a service whose standard streams are closed
        yield
        return
    sys.stderr.flush()
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as stream:
        console = Console(file=stream, highlight=False)
        with _bars(console) if console.is_terminal else _lines(console):
            yield


class RateColumn(ProgressColumn):
    """Items per second, from the beginning to the end of a stage."""

    def render(self, task: Task) -> Text:
        """ "3.9/s"; nothing before the first item."""
        seconds = task.finished_time if task.finished else task.elapsed
        if not task.completed or not seconds:
            return Text("")
        return Text(f"{task.completed / seconds:.3g}/s", style="progress.data.speed")


@contextmanager
def _bars(console: Console) -> Iterator[None]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<6}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bars:

        def show(progress: Progress) -> None:
            stage, note = progress.stage, progress.note
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=progress.total, note=note)
            bars.update(tasks[stage], completed=progress.done, total=progress.total, note=note)

        with reporting_to(show):
            yield


def feed_line(platform: str, skipped: Mapping[str, int]) -> str:
    """ "Read as Shopify; skipped: archived 1, draft 12"."""
    line = f"Read as {platform_title(platform)}."
    if skipped:
        line += f" Not for sale, skipped: {', '.join(f'{why} {n}' for why, n in skipped.items())}."
    return escape(line)


@contextmanager
def _lines(console: Console) -> Iterator[None]:
    """Print one line per stage, including interrupted ones."""
    began: dict[str, float] = {}
    latest: dict[str, Progress] = {}

    def tell(stage: str) -> None:
        progress = latest.pop(stage)
        seconds = monotonic() - began.pop(stage)
        rate = f", {progress.done / seconds:.3g}/s" if seconds >= 0.1 else ""
        note = f", {progress.note}" if progress.note else ""
        console.print(
            f"{stage}: {progress.done} of {progress.total} in {duration(seconds)}{rate}{note}",
            markup=False,
        )

    def show(progress: Progress) -> None:
        began.setdefault(progress.stage, monotonic())
        latest[progress.stage] = progress
        if progress.done >= progress.total:
            tell(progress.stage)

    try:
        with reporting_to(show):
            yield
    finally:
        for stage in list(latest):
            tell(stage)


def duration(seconds: float) -> str:
    """Seconds for people: "0.4 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, what: str) -> str:
    """ "1 photo", "3 photos"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
