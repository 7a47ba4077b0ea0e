"""`catalog-gen status`: products, coverage, open failures, the last runs."""

from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, counted, print_json
from catalog_gen.settings import Home, load_settings
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.stages.review import waiting_for_a_person
from catalog_gen.store.connection import Store
from catalog_gen.store.figures import (
    coverage_figures,
    feed_figures,
    prompt_figures,
    verdict_figures,
)
from catalog_gen.store.ledger import ledger_counts, open_failures
from catalog_gen.store.runs import last_runs


def run(config: Path, as_json: bool) -> None:
    """Read the store and print its figures."""
    settings = load_settings(config)
    with Store(Home.from_environment()).peek() as connection:
        feed = feed_figures(connection)
        prompts = prompt_figures(connection)
        verdicts = verdict_figures(connection)
        coverage = coverage_figures(connection)
        failures = open_failures(connection)
        stuck = out_of_retries(connection, settings)
        waiting = waiting_for_a_person(connection, settings)
        runs = last_runs(connection, 5)
        open_work = ledger_counts(connection)
    share = coverage.live / coverage.active if coverage.active else 0.0
    if as_json:
        print_json(
            {
                "feed": asdict(feed),
                "products": {"active": coverage.active, "unsupported": prompts.unsupported},
                "published": {
                    "products": coverage.live,
                    "images": coverage.images,
                    "coverage": round(share, 4),
                },
                "verdicts": asdict(verdicts),
                "images": asdict(open_work),
                "open_failures": [asdict(failure) for failure in failures],
                "needs_review": [asdict(each) for each in stuck],
                "waiting_for_a_person": [each.image_id for each in waiting],
                "runs": [asdict(each) for each in runs],
            }
        )
        return
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold")
    facts.add_row("Products", f"{coverage.active} active, {feed.rejected} feed rows rejected")
    facts.add_row("Live", f"{coverage.live} products ({share:.0%}), {coverage.images} pictures")
    facts.add_row(
        "Verdicts",
        f"{verdicts.accepted} accepted, {verdicts.review} to review, {verdicts.rejected} rejected",
    )
    facts.add_row("Failures", f"{coverage.open_failures} open, {coverage.given_up} given up")
    facts.add_row(
        "Needs review",
        f"{counted(len(waiting), 'picture')} (`catalog-gen review`), among them the best of "
        f"{counted(len(stuck), 'view')} rejected on every attempt",
    )
    if open_work.deferred or open_work.planned:
        facts.add_row(
            "Waiting", f"{open_work.planned} planned, {open_work.deferred} deferred by a budget"
        )
    answers.print(facts)
    for failure in failures[:10]:
        told = f"{failure.view}: {failure.error}"
        answers.print(f"  [yellow]{escape(failure.product_id)}[/] {escape(told)}")
    for each in stuck[:10]:
        answers.print(
            f"  [yellow]{escape(each.product_id)}[/] {each.view}: needs review, "
            f"{each.pictures} pictures of {each.attempts} attempts were rejected"
        )
    if not runs:
        answers.print("No refresh has run yet: `catalog-gen refresh`.")
    for night in runs:
        colour = {"succeeded": "green", "failed": "red"}.get(night.status, "yellow")
        started = f"{night.started_at:%Y-%m-%d %H:%M}"
        answers.print(f"  [dim]{started}[/] [{colour}]{night.status}[/] {night.run_id}")
