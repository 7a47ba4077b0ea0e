"""`catalog-gen calibrate --critic`: learn from reviews which pictures people reject."""

from datetime import UTC, datetime
from pathlib import Path

from catalog_gen.cli.output import answers, messages, print_json
from catalog_gen.home import Home
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.learning import keep, learn_from_reviews


def run_learn(config: Path, dry_run: bool, as_json: bool) -> None:
    """Learn a critic, print how well it does on other products, and enter it in the rubric.

    Raises:
        InputError: too few reviews; nothing was changed.
    """
    catalog = Catalog.open(config, Home.from_environment())
    scorer = ClipScorer(catalog.settings.scorer)
    learned = learn_from_reviews(catalog, scorer.scorer_hash)
    found = {
        "scorer_hash": scorer.scorer_hash,
        "labels": learned.labels,
        "rejected": learned.rejected,
        "auroc": learned.lesson.auroc,
    }
    if as_json:
        print_json(found)
    else:
        answers.print(
            f"Scorer {scorer.scorer_hash[:12]}; {learned.labels} reviews, {learned.rejected} "
            f"rejected. On unseen products, the critic ranks a rejected picture below an accepted "
            f"one in {learned.lesson.auroc:.1%} of pairs (by chance: 50%)."
        )
    if dry_run:
        messages.print(f"{catalog.settings.rubric} is unchanged (--dry-run).")
        return
    record = keep(catalog, scorer.scorer_hash, learned, datetime.now(UTC).date())
    messages.print(
        f"{catalog.settings.rubric} names {record.weights}; its rules for 'soundness' hold from "
        "the next refresh on, which judges again without drawing anything."
    )
