"""``python -m studio.evaluation.calibrate``: set the rubric's accept cut from renders with defects.

For a scorer without reviews. Renders of the "judge" photos count as good, and others with one
planted defect each as bad; the cut is computed, printed and written as ``catalog-gen calibrate``
does with reviews. Generators make other errors than planted defects: such a cut does not cover
unsound form.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from catalog_gen.cli.calibrate import Bound, Origin, settle
from catalog_gen.home import Home
from catalog_gen.judging.calibration import Labelled
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.rubric import Verdict, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.stages.calibration import Ceiling
from catalog_gen.stages.catalog import Catalog
from studio.command import count, reported_errors, share
from studio.evaluation.appraise import Bench, appraise
from studio.evaluation.planted import good_specimens, planted_once

#: Photos that no network was trained on; used for thresholds, not for final figures.
_SPLIT: Final = "judge"


def planted_labels(catalog: Catalog, scorer: ClipScorer, photos: Path, each: int) -> list[Labelled]:
    """``each`` good renders, and as many others with one planted defect, all kinds equally.

    No render gives two labels, which would not be independent and make the bound too tight.

    Raises:
        InputError: there are too few photos of the split "judge".
    """
    settings = catalog.settings
    rubric = load_rubric(settings.rubric)
    bench = Bench(scorer, LetteringDetector.of(settings.lettering), rubric)
    specimens = good_specimens(photos, _SPLIT, 2 * each)
    good, others = specimens[::2], specimens[1::2]
    rivals = sorted({specimen.prompt for specimen in specimens})
    ceiling = Ceiling(rubric, scorer.scorer_hash)

    def labelled(verdicts: Sequence[Verdict], bad: bool) -> list[Labelled]:
        return [
            ceiling.label(verdict, [score.points for score in verdict.criteria.values()], bad)
            for verdict in verdicts
        ]

    return [
        *labelled(appraise(good, bench, rivals), bad=False),
        *labelled(appraise(planted_once(others), bench, rivals), bad=True),
    ]


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Set the accept cut from planted defects.")
    parser.add_argument("--config", type=Path, default=Path("data/catalog.toml"))
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument(
        "--each", type=count, default=200, help="good renders, and as many spoilt ones"
    )
    parser.add_argument("--most-bad", type=share, default=0.05, help="bad among accepted, at most")
    parser.add_argument("--confidence", type=share, default=0.95, help="with which that holds")
    parser.add_argument("--prevalence", type=share, default=0.1, help="assumed share of bad")
    parser.add_argument("--dry-run", action="store_true", help="print, change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    given = parser.parse_args(arguments)
    origin = Origin(
        name="planted",
        description=(
            "renders with planted defects, all kinds equally, weighed as if "
            f"{given.prevalence:.0%} of all pictures were bad"
        ),
        first_step="Ask for more of them: --each 200.",
    )
    with reported_errors():
        catalog = Catalog.open(given.config, Home.from_environment())
        scorer = ClipScorer(catalog.settings.scorer)
        labels = planted_labels(catalog, scorer, given.photos, given.each)
        bound = Bound(given.most_bad, given.confidence, given.prevalence)
        settle(catalog, scorer, labels, origin, bound, given.dry_run, given.json)


if __name__ == "__main__":
    main()
