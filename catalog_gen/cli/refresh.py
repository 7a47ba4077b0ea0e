"""`catalog-gen refresh`: run the nightly job here, and say what came of it."""

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from rich.panel import Panel
from rich.table import Table

from catalog_gen import errors
from catalog_gen.cli.budget import parse_budget
from catalog_gen.cli.ending import INTERRUPTED
from catalog_gen.cli.output import answers, duration, feed_line, messages, print_json, progress_bars
from catalog_gen.cli.preflight import require
from catalog_gen.errors import CatalogError, InfrastructureError
from catalog_gen.planning import Budget
from catalog_gen.settings import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_process
from catalog_gen.store.ledger import open_failures
from catalog_gen.store.runs import run_summary

#: Lines of failures; JSON has them all. Each ends with what to do.
SHOWN: Final = 5

_PARTS: Final = {"generate": "drawing", "score": "scoring", "store": "storing"}


def run(config: Path, feed: Path | None, budget: str | None, as_json: bool) -> int:
    """Refresh, print the summary, and return the exit code.

    0; 1 with failed pictures; 130 if it was interrupted.

    Raises:
        CatalogError: what stopped the run.
    """
    limit = parse_budget(budget) or Budget()
    home = Home.from_environment()
    require(Catalog.open(config, home, feed))  # what is wrong is told before Dagster starts
    os.environ["CATALOG_CONFIG"] = str(config.absolute())
    if feed is not None:
        os.environ["CATALOG_FEED"] = str(feed.absolute())
    started = perf_counter()
    _quiet()
    with messages.status("Starting Dagster ..."):
        from assets_defs.launch import dagster_instance, failure_of, run_nightly, was_interrupted
    other = drawing_process(home)
    if other is not None:
        messages.print(
            f"Process {other or 'unknown'} is drawing. This refresh waits for it, and then draws "
            "what is still missing."
        )
    with dagster_instance(home) as instance, progress_bars():
        finished = run_nightly(
            instance, home, budget={"budget": limit.images, "budget_seconds": limit.seconds}
        )
        failure = None if finished.is_success else failure_of(instance, finished.run_id)
    if was_interrupted(finished):
        messages.print("Stopped; what was drawn is kept, and the next refresh continues.")
        return INTERRUPTED
    if failure is not None:
        raise _as_error(failure.kind, failure.message, finished.run_id)
    with Store(home).reading() as connection:
        noted = run_summary(connection, finished.run_id)
        failures = open_failures(connection)
    summary = _complete(finished.run_id, noted, perf_counter() - started)
    summary["failures"] = [
        {"product_id": each.product_id, "view": each.view, "error": each.error} for each in failures
    ]
    if as_json:
        print_json(summary)
    else:
        _print(summary, home)
    return 1 if summary["images"]["failed"] else 0


def _quiet() -> None:
    """The libraries' own chatter would tear the progress bars."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)


def _as_error(kind: str, message: str, run_id: str) -> CatalogError:
    """The error of our own that ended a step, with the exit code of its class."""
    found = getattr(errors, kind, None)
    error_type = (
        found
        if isinstance(found, type) and issubclass(found, CatalogError)
        else InfrastructureError
    )
    return error_type(
        f"run {run_id}",
        message.strip().rstrip("."),
        "What was done before is kept; `catalog-gen dev` shows the run's log.",
    )


def _complete(run_id: str, noted: Mapping[str, Any], total: float) -> dict[str, Any]:
    """The summary with every promised key, whatever the stages had to note."""
    shape: dict[str, dict[str, float]] = {
        "products": dict.fromkeys(("active", "added", "changed", "retired", "rejected"), 0),
        "images": dict.fromkeys(("planned", "generated", "reused", "deferred", "failed"), 0),
        "prompts": dict.fromkeys(("unsupported", "trimmed"), 0),
        "verdicts": dict.fromkeys(("accepted", "review", "rejected"), 0),
        "published": {"products": 0, "coverage": 0.0},
        "seconds": dict.fromkeys(("total", "generate", "score", "store"), 0.0),
    }
    summary = {name: {**zero, **noted.get(name, {})} for name, zero in shape.items()}
    summary["seconds"]["total"] = round(total, 3)
    held_back = noted.get("held_back", {}).get("why", "")
    device = noted.get("drawing", {}).get("device", "")
    feed = {"platform": "", "skipped": {}, **noted.get("feed", {})}
    return {"run_id": run_id, "feed": feed, **summary, "device": device, "held_back": held_back}


def _print(summary: Mapping[str, Any], home: Home) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    for name in ("products", "prompts", "images", "verdicts", "published"):
        figures = (_figure(what, value) for what, value in summary[name].items())
        table.add_row(name.capitalize(), "   ".join(figures))
    seconds = summary["seconds"]
    parts = (f"{_PARTS[name]} {duration(seconds[name])}" for name in _PARTS)
    table.add_row("Time", f"{duration(seconds['total'])}   [dim]{', '.join(parts)}[/]")
    page = home.site / "index.html"
    here = page.is_relative_to(Path.cwd())
    table.add_row("Gallery", str(page.relative_to(Path.cwd()) if here else page))
    answers.print(Panel(table, title="[bold]Refresh done[/]", title_align="left", expand=False))
    messages.print(feed_line(summary["feed"]["platform"], summary["feed"]["skipped"]))
    if summary["device"] == "cpu":
        messages.print("Drawn on the CPU; `catalog-gen doctor` says which GPU torch can find.")
    if summary["held_back"]:
        messages.print("[yellow]Not published[/]:", end=" ")
        messages.print(summary["held_back"], markup=False)
    failures = summary["failures"]
    for each in failures[:SHOWN]:
        messages.print("[yellow]failed[/]", end=" ")
        messages.print(f"{each['product_id']} {each['view']}: {each['error']}", markup=False)
    if len(failures) > SHOWN:
        messages.print(f"... {len(failures)} in all; `catalog-gen status` lists them.")
    if summary["prompts"]["unsupported"]:
        messages.print("Some products are beyond this model; `catalog-gen plan` says which.")


def _figure(what: str, value: float) -> str:
    shown = f"{value:.0%}" if what == "coverage" else value
    alarming = what in ("failed", "rejected", "unsupported") and value
    return f"[{'yellow' if alarming else 'cyan'}]{shown}[/] {what}"
