"""How commands speak: JSON on standard output, everything for people on standard error."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from catalog_gen.catalog.feeds import platform_title
from catalog_gen.progress import reporting_to

#: Delete and the C1 controls, which JSON does not escape by itself; 0x9b alone begins a sequence.
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def harmless(text: str) -> str:
    """The text with everything that a terminal would obey made visible: ESC becomes "\\x1b".

    Feeds and reviews come from outside; what they hold is shown and never runs.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text
    )


class _Harmless(Console):
    """A console whose strings, those inside tables and trees, too, are ``harmless``."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(harmless(text), **how)


#: For people. Tables that answer a question go to standard output through ``answers``.
messages: Final[Console] = _Harmless(stderr=True, highlight=False)
answers: Final[Console] = _Harmless(highlight=False)


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(f"{text.translate(_CONTROLS)}\n")


@contextmanager
def progress_bars() -> Iterator[None]:
    """A bar on standard error for each stage that reports how far it is."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=messages) as progress:

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        with reporting_to(show):
            yield


def feed_line(platform: str, skipped: Mapping[str, int]) -> str:
    """ "Read as Shopify; skipped: archived 1, draft 12"."""
    told = f"Read as {platform_title(platform)}."
    if skipped:
        told += f" Not for sale, skipped: {', '.join(f'{why} {n}' for why, n in skipped.items())}."
    return escape(told)


def duration(seconds: float) -> str:
    """Seconds as people say them: "0.4 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, what: str) -> str:
    """ "1 photo", "3 photos"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
