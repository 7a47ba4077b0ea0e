"""`catalog-gen runs`: list the runs and how they ended, or print one run's log."""

from dataclasses import asdict
from typing import Final

from rich.markup import escape

from catalog_gen.cli.output import answers, duration, print_json
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.runs import Run, last_runs, runs_like

_COLOURS: Final = {"succeeded": "green", "failed": "red", "interrupted": "yellow"}


def run(limit: int, as_json: bool) -> None:
    """List the newest runs."""
    with Store(Home.from_environment()).peek() as connection:
        found = last_runs(connection, limit)
    if as_json:
        print_json({"runs": [asdict(each) for each in found]})
        return
    if not found:
        answers.print("Nothing has run yet: `catalog-gen refresh`.")
    for each in found:
        answers.print(run_line(each), soft_wrap=True)


def run_log(start: str, as_json: bool) -> None:
    """Print what one run did, from the store's figures and Dagster's log.

    Raises:
        InputError: no run, or more than one, has an id that begins so.
    """
    home = Home.from_environment()
    with Store(home).peek() as connection:
        found = runs_like(connection, start)
    if len(found) != 1:
        rule = "no run's id begins so" if not found else f"{len(found)} runs' ids begin so"
        raise InputError(start, rule, "`catalog-gen runs` lists them.")
    (one,) = found
    from assets_defs.run_log import log_of

    lines = log_of(home, one.run_id)
    if as_json:
        print_json({**asdict(one), "log": [asdict(line) for line in lines]})
        return
    answers.print(run_line(one), soft_wrap=True)
    for section, figures in one.summary.items():
        text = ", ".join(f"{value} {name}" for name, value in figures.items())
        answers.print(f"  {section}: {text}", markup=False, soft_wrap=True)
    if not lines:
        answers.print("  Dagster has forgotten this run's log ([history] in the settings).")
    for line in lines:
        colour = {"WARNING": "yellow", "ERROR": "red"}.get(line.level, "default")
        step = f"{line.step}: " if line.step else ""
        answers.print(
            f"  [dim]{line.at:%H:%M:%S}[/] [{colour}]{escape(f'{step}{line.message}')}[/]",
            soft_wrap=True,
        )


def run_line(one: Run) -> str:
    """A run in one line of markup: time, end, kind, who launched it, and why it ended."""
    colour = _COLOURS.get(one.status, "cyan")
    seconds = (one.finished_at - one.started_at).total_seconds() if one.finished_at else None
    parts = [
        f"[dim]{one.started_at:%Y-%m-%d %H:%M}[/]",
        f"[{colour}]{one.status:<11}[/]",
        one.run_id[:8],
        escape(one.job),
        f"by {escape(one.launched_by)}" if one.launched_by else "",
        duration(seconds) if seconds is not None else "",
    ]
    images = one.summary.get("images", {})
    if images.get("generated"):
        parts.append(f"{images['generated']} drawn")
    if images.get("failed"):
        parts.append(f"[yellow]{images['failed']} failed[/]")
    if one.error:
        parts.append(f"[{colour}]{escape(one.error)}[/]")
    return "  ".join(part for part in parts if part)
