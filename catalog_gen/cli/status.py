"""`catalog-gen status`: products, coverage, open failures, the last runs."""

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from catalog_gen.cli.failures import print_outlook
from catalog_gen.cli.output import answers, counted, print_json
from catalog_gen.cli.runs import run_line
from catalog_gen.cli.storage import storage_text
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.failures import outlook
from catalog_gen.stages.relearning import open_lesson_failures
from catalog_gen.stages.review import waiting_for_a_person
from catalog_gen.store.connection import Store
from catalog_gen.store.figures import (
    coverage_figures,
    feed_figures,
    prompt_figures,
    verdict_figures,
)
from catalog_gen.store.ledger import ledger_counts, open_failures
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.retention import storage_figures
from catalog_gen.store.runs import last_runs


def run(config: Path, as_json: bool) -> None:
    """Read the store and print its figures."""
    settings = load_settings(config)
    home = Home.from_environment()
    with Store(home).peek() as connection:
        feed = feed_figures(connection)
        prompts = prompt_figures(connection)
        verdicts = verdict_figures(connection)
        coverage = coverage_figures(connection)
        failures = open_failures(connection)
        lessons = open_lesson_failures(connection, settings)
        left = outlook(connection, settings)
        reviews = waiting_for_a_person(connection, settings)
        runs = last_runs(connection, 5)
        open_work = ledger_counts(connection)
        storage = storage_figures(connection)
    waiting = Outbox(home.outbox).waiting_by_run().total()
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
                "failed_lessons": [
                    {
                        "product_id": each.product_id,
                        "concept": each.name,
                        "status": kind,
                        "tries": each.tries,
                        "error": each.problem,
                        "lesson_id": each.lesson_id,
                    }
                    for each, kind in lessons
                ],
                "needs_review": [asdict(each) for each in left.rejected],
                "waiting_for_a_person": [each.image_id for each in reviews],
                "outbox": {"pictures": waiting},
                "storage": asdict(storage),
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
        f"{counted(len(reviews), 'picture')} (`catalog-gen review`), among them the best of "
        f"{counted(len(left.rejected), 'view')} rejected on every attempt",
    )
    facts.add_row("Storage", storage_text(storage))
    if waiting:
        facts.add_row("Outbox", f"{waiting} pictures wait for the next refresh, which takes them")
    if open_work.deferred or open_work.planned:
        facts.add_row(
            "Waiting", f"{open_work.planned} planned, {open_work.deferred} deferred by a budget"
        )
    answers.print(facts)
    print_outlook(answers, left)
    if not runs:
        answers.print("No refresh has run yet: `catalog-gen refresh`.")
    for night in runs:
        answers.print(run_line(night), soft_wrap=True)
