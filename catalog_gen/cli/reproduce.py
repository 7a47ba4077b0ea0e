"""`catalog-gen reproduce`: draw stored pictures again and compare."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from catalog_gen.cli.output import answers, print_json, progress_bars
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.reproduce import Reproduction, Result, reproduce

_COLOURS: dict[Result, str] = {
    "identical": "green",
    "close": "yellow",
    "different": "red",
    "not drawn": "red",
}


def run(config: Path, images: Sequence[str], sample: int, as_json: bool) -> int:
    """Draw again and print the comparison; return 0 if all are identical or close, else 1."""
    catalog = Catalog.open(config, Home.from_environment())
    with progress_bars():
        outcomes = reproduce(catalog, images, sample=sample)
    counts = Counter(outcome.result for outcome in outcomes)
    if as_json:
        print_json(
            {
                "images": [asdict(outcome) for outcome in outcomes],
                **{name: counts[name] for name in ("identical", "close", "different")},
                "not_drawn": counts["not drawn"],
            }
        )
    else:
        _print(outcomes, counts)
    return 0 if counts["identical"] + counts["close"] == len(outcomes) else 1


def _print(outcomes: Sequence[Reproduction], counts: Counter[Result]) -> None:
    for outcome in outcomes:
        if outcome.result == "identical" and not outcome.environment_changed:
            continue
        answers.print(
            f"[{_COLOURS[outcome.result]}]{outcome.result}[/] {outcome.image_id[:16]} "
            f"{escape('; '.join(outcome.environment_changed))} {escape(outcome.problem)}"
        )
    text = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    answers.print(text or "There are no pictures to draw again: `catalog-gen refresh` first.")
