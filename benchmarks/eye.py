"""Measure how well the judge agrees with people on the form of *generated* pictures.

The labelled pictures (``data/eye``) are redrawn and judged as in a refresh, with and without the
critic. A picture's soundness comes from a probe that was fitted on other wishes (cross-validation).
"Wrong against fine" leaves out the doubtful ones; "inside a category" compares only pictures of the
same category. The rubric's thresholds were chosen on these labels; "nested" figures choose that of
soundness again for each tenth of the wishes, on the other nine.

    python benchmarks/eye.py [--labels FILE] [--json]
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.critics.denoiser import DenoiserFeatures
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.probe import fit_probe, folds_of, held_out_probabilities
from catalog_gen.judging.rubric import Rubric, Rule, Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings import load_settings
from studio.attributes import Wish, every_wish
from studio.evaluation.appraise import Bench, Examined, examine
from studio.evaluation.defects import Specimen
from studio.evaluation.eye import Seen, draw_again, read_table, wish_of
from studio.evaluation.measures import auroc
from studio.phrasing import canonical_phrasing
from studio.training.critic import LABELS, targets

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"
#: Number of pictures drawn and judged at a time.
CHUNK: Final = 96
#: Least soundnesses for one point that the nested choice tries, and what it must keep on the wishes
#: that it chooses on: shares of wrong among accepted and among those with 10 of 10.
SOUNDNESSES: Final = (0.6, 0.55, 0.5)
MOST_WRONG, MOST_WRONG_OF_TEN = 0.045, 0.015

Floats = NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, default=ROOT / LABELS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(read_table(arguments.labels))
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58}{value if isinstance(value, int) else f'{value:.3f}':>8}")


def measure(rows: Sequence[Seen]) -> dict[str, float]:
    """The figures of all rows."""
    settings = load_settings(CONFIG)
    rubric = load_rubric(settings.rubric)
    scorer = ClipScorer(settings.scorer)
    bench = Bench(scorer, LetteringDetector.of(settings.lettering), rubric)
    denoiser = DenoiserFeatures(Path(settings.model.id))
    wishes = {wish.caption(): wish for wish in every_wish()}
    rivals = sorted({row.prompt for row in rows})
    found: list[Examined] = []
    features: list[Any] = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        pictures = draw_again(chunk, settings.model)
        features.append(denoiser.of(pictures, [row.prompt for row in chunk]))
        specimens = [
            _specimen(wishes[row.prompt], pixels)
            for row, pixels in zip(chunk, pictures, strict=True)
        ]
        found += examine(specimens, bench, rivals)
    wrong = targets(rows)
    inputs, groups = np.concatenate(features), [wish_of(row.prompt) for row in rows]
    sound = 1 - held_out_probabilities(inputs, wrong, groups)
    categories = [str(wishes[row.prompt].category) for row in rows]
    blind = _verdicts(found, [None] * len(rows), rubric)
    seeing = _verdicts(found, sound.tolist(), rubric)
    return {
        "pictures": len(rows),
        "wrong": int((wrong == 1).sum()),
        "fine": int((wrong == 0).sum()),
        **_agreement("total without the critic", _totals(blind), wrong, categories),
        **_agreement("total", _totals(seeing), wrong, categories),
        **_agreement("soundness", sound, wrong, categories),
        **_shares("without the critic", blind, wrong),
        **_shares("with the critic", seeing, wrong),
        **_shares("nested", _nested(found, inputs, wrong, groups, rubric), wrong),
    }


def _verdicts(
    found: Sequence[Examined], answers: Sequence[float | None], rubric: Rubric
) -> list[Verdict]:
    return [
        judge(each.signals.with_answers(soundness=answer), each.clip, rubric, each.context)
        for each, answer in zip(found, answers, strict=True)
    ]


def _nested(
    found: Sequence[Examined],
    inputs: Floats,
    wrong: Floats,
    groups: Sequence[str],
    rubric: Rubric,
) -> list[Verdict]:
    """Verdicts by probes and thresholds that were chosen without the picture's wish.

    Where no threshold keeps the bounds, the strictest holds.
    """
    fold = folds_of(groups, 10)
    verdicts: dict[int, Verdict] = {}
    scorer = found[0].context.scorer_hash
    for number in range(fold.max() + 1):
        inside = np.flatnonzero(fold != number).tolist()
        outside = np.flatnonzero(fold == number).tolist()
        seen = [found[place] for place in inside]
        sound = 1 - held_out_probabilities(
            inputs[inside], wrong[inside], [groups[place] for place in inside], 5
        )
        best, chosen = 0.0, _with_least(rubric, scorer, SOUNDNESSES[0])
        for least in SOUNDNESSES:
            tried = _with_least(rubric, scorer, least)
            shares = _shares("", _verdicts(seen, sound.tolist(), tried), wrong[inside])
            _, bad, bad_of_ten, fine = shares.values()
            if bad <= MOST_WRONG and bad_of_ten <= MOST_WRONG_OF_TEN and fine > best:
                best, chosen = fine, tried
        probe = fit_probe(inputs[inside], wrong[inside])
        answers = (1 - probe.probabilities(inputs[outside])).tolist()
        held = _verdicts([found[place] for place in outside], answers, chosen)
        verdicts |= dict(zip(outside, held, strict=True))
    return [verdicts[place] for place in range(len(found))]


def _with_least(rubric: Rubric, scorer: str, soundness: float) -> Rubric:
    """The rubric with another soundness for one point of visual realism."""

    def changed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(
            rule.model_copy(update={"one": soundness})
            if (rule.criterion, rule.signal) == ("visual_realism", "soundness")
            else rule
            for rule in rules
        )

    section = rubric.section(scorer)
    own = section.model_copy(update={"rules": changed(section.rules)})
    return rubric.model_copy(
        update={"rules": changed(rubric.rules), "scorers": {**rubric.scorers, scorer: own}}
    )


def _specimen(wish: Wish, pixels: NDArray[np.uint8]) -> Specimen:
    return Specimen(
        pixels,
        canonical_phrasing(
            wish.category, wish.colour, wish.material, wish.background, wish.angle, wish.count
        ),
        np.ones(pixels.shape[:2], dtype=bool),
        background="white" if wish.background == "white" else "any",
    )


def _totals(verdicts: Sequence[Verdict]) -> Floats:
    """Totals, those of rejected pictures below all others."""
    return np.array([each.total - 20.0 * bool(each.hard_failures) for each in verdicts])


def _agreement(
    name: str, scores: Floats, wrong: Floats, categories: Sequence[str]
) -> dict[str, float]:
    """AUROC of fine over wrong pictures, in all and inside categories, weighed by pairs."""
    places = defaultdict(list)
    for place, category in enumerate(categories):
        places[category].append(place)
    pairs = agreed = 0.0
    for chosen in places.values():
        fine, bad = (scores[chosen][wrong[chosen] == degree] for degree in (0, 1))
        if len(fine) and len(bad):
            pairs += len(fine) * len(bad)
            agreed += auroc(fine, bad) * len(fine) * len(bad)
    return {
        f"AUROC of the {name}": auroc(scores[wrong == 0], scores[wrong == 1]),
        f"AUROC of the {name}, inside a category": agreed / pairs,
    }


def _shares(name: str, verdicts: Sequence[Verdict], wrong: Floats) -> dict[str, float]:
    accepted = np.array([each.decision == "accepted" for each in verdicts])
    full = accepted & np.array([each.total == 10 for each in verdicts])
    return {
        f"accepted {name}": float(accepted.mean()),
        f"wrong among accepted {name}": float((wrong[accepted] == 1).mean()),
        f"wrong among those with 10 of 10 {name}": float((wrong[full] == 1).mean()),
        f"accepted share of fine {name}": float(accepted[wrong == 0].mean()),
    }


if __name__ == "__main__":
    main()
