"""`catalog-gen refresh` and `retry`: run a job in this process and print its results."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from rich.panel import Panel
from rich.table import Table

from catalog_gen import errors
from catalog_gen.cli.budget import parse_budget
from catalog_gen.cli.ending import INTERRUPTED, CommandFailure
from catalog_gen.cli.failures import print_outlook
from catalog_gen.cli.output import answers, duration, feed_line, messages, print_json, progress_bars
from catalog_gen.cli.preflight import require
from catalog_gen.errors import CatalogError, InfrastructureError, InputError, StoreError
from catalog_gen.garbage import many_imports
from catalog_gen.home import Home
from catalog_gen.planning import Budget
from catalog_gen.reporting.nights.senders import senders_of
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.failures import Outlook, outlook
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_process
from catalog_gen.store.ledger import open_failures
from catalog_gen.store.runs import run_summary

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from catalog_gen.stages.mending import Kind

#: Libraries whose log lines on standard error repeat the refresh's or don't help.
_CHATTY: Final = ("diffusers", "transformers", "huggingface_hub", "open_clip", "torch", "alembic")

_PARTS: Final = {"generate": "drawing", "score": "scoring", "store": "storing"}

_STATES: Final = {True: "done", False: "ended, and needs your attention"}

Launch = Callable[["DagsterInstance"], "DagsterRun"]


def run(config: Path, feed: Path | None, budget: str | None, as_json: bool) -> int:
    """Refresh, print the summary, and return the exit code.

    0; 1 if pictures are missing that the next refresh can't draw by itself, or if the new set was
    held back; 130 if the run was interrupted. A run that failed after it had done something prints
    its summary, too, then the error, whose exit code it returns.

    Raises:
        CatalogError: what stopped the run before it did anything.
    """
    limit = parse_budget(budget) or Budget()
    home = prepare(config)
    catalog = Catalog.open(config, home, feed)
    require(catalog)  # report problems before Dagster starts
    settings = catalog.settings
    if feed is not None:
        os.environ["CATALOG_FEED"] = str(feed.absolute())

    def launch(instance: "DagsterInstance") -> "DagsterRun":
        from assets_defs.launch import run_nightly

        return run_nightly(instance, home, limit)

    return _run(config, settings, home, launch, "Refresh", as_json)


def run_retry(config: Path, kinds: "Sequence[Kind]", products: Sequence[str], as_json: bool) -> int:
    """Draw failed pictures again, print the summary, and return the exit code, as ``run`` does.

    Raises:
        InputError: nothing of a named product failed.
        CatalogError: what stopped the run.
    """
    from catalog_gen.stages.mending import mendable
    from catalog_gen.stages.relearning import open_lesson_failures

    settings = load_settings(config)
    home = prepare(config)
    with Store(home).reading() as connection:
        failures, rejected = mendable(connection, kinds)
        lessons = open_lesson_failures(connection, settings)
    lacking = [(each.product_ids, each.shards) for each in failures]
    lacking += [(each.product_ids, each.shards) for each in rejected]
    found = [place for ids, shards in lacking for place in zip(ids, shards, strict=True)]
    found += [(each.product_id, each.shard) for each, kind in lessons if kind in kinds]
    if products:
        unknown = sorted(set(products) - {product_id for product_id, _ in found})
        if unknown:
            raise InputError(
                ", ".join(unknown),
                f"nothing of it is {' or '.join(kinds)}",
                "`catalog-gen status` lists what failed; --rejected selects rejected pictures.",
            )
        found = [each for each in found if each[0] in products]
    if not found:
        messages.print(f"Nothing is {' or '.join(kinds)}.")
        if as_json:
            print_json({"run_id": "", "images": {"generated": 0, "failed": 0}})
        return 0

    def launch(instance: "DagsterInstance") -> "DagsterRun":
        from assets_defs.launch import run_retry

        shards = sorted({shard for _, shard in found})
        return run_retry(instance, home, kinds=kinds, products=products, shards=shards)

    return _run(config, settings, home, launch, "Retry", as_json)


def prepare(config: Path) -> Home:
    """Set the environment variables from which Dagster's code location finds the catalog."""
    home = Home.from_environment()
    os.environ["CATALOG_CONFIG"] = str(config.absolute())
    os.environ["CATALOG_HOME"] = str(home.root)
    return home


def _run(
    config: Path,
    settings: CatalogSettings,
    home: Home,
    launch: Launch,
    title: str,
    as_json: bool,
) -> int:
    started = perf_counter()
    finished = launch_run(config, home, launch, title)
    if finished.interrupted:
        _say_what_is_kept(home, finished.run_id)
        return INTERRUPTED
    error = finished.error
    try:
        with Store(home).reading() as connection:
            noted = run_summary(connection, finished.run_id)
            failures = open_failures(connection)
            left = outlook(connection, settings)
    except StoreError as unreadable:
        raise error or unreadable from None
    if error and not noted:
        raise error
    summary = _complete(finished.run_id, noted, perf_counter() - started)
    summary["failures"] = [
        {
            "product_id": each.product_id,
            "product_ids": each.product_ids,
            "view": each.view,
            "error": each.error,
        }
        for each in failures
    ]
    failing = left.groups or left.lessons
    code = 1 if failing or summary["held_back"] or left.nothing_live else 0
    if error:
        code = error.exit_code
        summary["error"] = asdict(CommandFailure.of(error))
    if as_json:
        print_json(summary)
    else:
        state = "stopped" if error else _STATES[not code]
        _print(summary, left, home, f"{title} {state}")
    if error:
        messages.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        messages.print(str(error), markup=False)
    return code


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run in this process ended; ``error`` is what stopped it."""

    run_id: str
    interrupted: bool
    error: CatalogError | None


def launch_run(config: Path, home: Home, launch: Launch, title: str) -> Finished:
    """Start Dagster and run a job in this process, with progress bars; then send its report.

    Raises:
        ConfigError: the environment lacks a secret for sending reports; nothing was run.
    """
    catalog = Catalog.open(config, home)
    senders_of(catalog.settings.reports, home.reports, os.environ)
    with _quiet(), messages.status("Starting Dagster ..."), many_imports():
        from assets_defs.launch import dagster_instance, failure_of, was_interrupted
        from assets_defs.night_reports import tell
    other = drawing_process(home)
    if other is not None:
        messages.print(
            f"Process {other or 'unknown'} is drawing. This {title.lower()} waits for it, and then "
            "draws what is still missing."
        )
    began = datetime.now(UTC)
    with _quiet(), dagster_instance(home) as instance, progress_bars():
        run = launch(instance)
        failure = None if run.is_success else failure_of(instance, run.run_id)
        delivery = tell(instance, catalog, datetime.now(UTC), since=began)
    for unsent in delivery.errors:
        messages.print("[yellow]Report not sent[/]:", end=" ")
        messages.print(str(unsent), markup=False)
    error = failure and _as_error(failure.kind, failure.message, run.run_id)
    return Finished(run.run_id, was_interrupted(run), error or None)


def _say_what_is_kept(home: Home, run_id: str) -> None:
    with Store(home).reading() as connection:
        images = run_summary(connection, run_id).get("images", {})
    drawn = images.get("generated", 0)
    messages.print(
        f"Interrupted. {drawn} pictures were drawn and are kept; the next refresh continues."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence libraries' logs, which would break the progress bars; stages log to Dagster."""
    os.environ |= {
        "TRANSFORMERS_VERBOSITY": "error",
        "DIFFUSERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    for name in ("", *_CHATTY):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _as_error(kind: str, message: str, run_id: str) -> CatalogError:
    """Rebuild the ``CatalogError`` that ended a step, so that its class sets the exit code."""
    found = getattr(errors, kind, None)
    error_type = (
        found
        if isinstance(found, type) and issubclass(found, CatalogError)
        else InfrastructureError
    )
    return error_type(
        f"run {run_id}",
        message.strip().rstrip("."),
        f"Finished work is kept; `catalog-gen runs {run_id[:8]}` shows the run's log.",
    )


def _complete(run_id: str, noted: Mapping[str, Any], total: float) -> dict[str, Any]:
    """The summary with every documented key, including those without figures."""
    shape: dict[str, dict[str, float]] = {
        "products": dict.fromkeys(("active", "added", "changed", "retired", "rejected"), 0),
        "images": dict.fromkeys(("planned", "generated", "reused", "deferred", "failed"), 0),
        "prompts": dict.fromkeys(("unsupported", "trimmed"), 0),
        "looks": dict.fromkeys(("wanted", "products"), 0),
        "verdicts": dict.fromkeys(("accepted", "review", "rejected"), 0),
        "published": {"products": 0, "coverage": 0.0},
        "seconds": dict.fromkeys(("total", "generate", "score", "store"), 0.0),
    }
    summary = {name: {**zero, **noted.get(name, {})} for name, zero in shape.items()}
    summary["seconds"]["total"] = round(total, 3)
    summary |= {name: noted[name] for name in ("photos", "concepts") if name in noted}
    held_back = noted.get("held_back", {}).get("why", "")
    device = noted.get("drawing", {}).get("device", "")
    feed = {"platform": "", "skipped": {}, **noted.get("feed", {})}
    return {"run_id": run_id, "feed": feed, **summary, "device": device, "held_back": held_back}


def _print(summary: Mapping[str, Any], left: Outlook, home: Home, title: str) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    for name in ("products", "photos", "concepts", "prompts", "images", "verdicts", "published"):
        if name not in summary:
            continue
        figures = (_figure(what, value) for what, value in summary[name].items())
        table.add_row(name.capitalize(), "   ".join(figures))
    seconds = summary["seconds"]
    parts = (f"{_PARTS[name]} {duration(seconds[name])}" for name in _PARTS)
    table.add_row("Time", f"{duration(seconds['total'])}   [dim]{', '.join(parts)}[/]")
    page = home.site / "index.html"
    here = page.is_relative_to(Path.cwd())
    table.add_row("Gallery", str(page.relative_to(Path.cwd()) if here else page))
    answers.print(Panel(table, title=f"[bold]{title}[/]", title_align="left", expand=False))
    messages.print(feed_line(summary["feed"]["platform"], summary["feed"]["skipped"]))
    looks = summary["looks"]
    if looks["products"] > looks["wanted"]:
        messages.print(f"{looks['wanted']} looks stand for {looks['products']} product views.")
    if summary["device"] == "cpu":
        messages.print("Drawn on the CPU; `catalog-gen doctor` says which GPU torch can find.")
    if summary["held_back"]:
        messages.print("[yellow]Not published[/]:", end=" ")
        messages.print(summary["held_back"], markup=False)
    print_outlook(messages, left)
    if summary["prompts"]["unsupported"]:
        messages.print("Some products are beyond this model; `catalog-gen plan` says which.")


def _figure(what: str, value: float) -> str:
    shown = f"{value:.0%}" if what == "coverage" else value
    alarming = what in ("failed", "rejected", "unsupported") and value
    return f"[{'yellow' if alarming else 'cyan'}]{shown}[/] {what}"
