"""Measure how well the judge agrees with people on the form of *generated* pictures.

The labelled pictures (``data/eye``) are redrawn and judged as in a refresh, with and without the
critic. "Wrong against fine" leaves out the doubtful ones; "inside a category" compares only
pictures of the same category.

"Held-out" figures are those of the critic and the rubric as they are, on pictures that neither was
fitted or tuned on. The others are of the pictures that the critic learned from: their soundness
comes from a probe that was fitted on other wishes (cross-validation). The rubric's thresholds were
chosen on these labels; "nested" figures choose those of soundness again for each tenth of the
wishes, on the other nine.

    python benchmarks/eye.py [--held-out FILE | --labels FILE] [--json]
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.judging.critics.denoiser import DenoiserFeatures
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.probe import fit_probe, folds_of, held_out_probabilities
from catalog_gen.judging.rubric import Rubric, Rule, Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from studio.attributes import Wish, every_wish
from studio.evaluation.appraise import Bench, Examined, examine
from studio.evaluation.defects import Specimen
from studio.evaluation.labels import Seen, draw_again, read_table, wish_of
from studio.evaluation.measures import auroc
from studio.phrasing import canonical_phrasing
from studio.training.critic import LABELS, PENALTY, targets

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"
#: People's verdicts that nothing is fitted to.
HELD_OUT: Final = "data/eye/held-out.csv"
#: Number of pictures judged at a time.
CHUNK: Final = 96
#: Least soundnesses for two points and one, of each criterion that counts it, which the nested
#: choice tries; and what it must keep on the wishes that it chooses on: the shares of wrong among
#: accepted and among those with 10 of 10, at most, and the accepted share of fine, at least.
LADDERS: Final = tuple(
    {"visual_realism": (two, one), "artifacts": lower}
    for two in (0.7, 0.8, 0.9)
    for one in (0.5, 0.55, 0.6)
    for lower in ((0.5, 0.3), (0.6, 0.5), (0.65, 0.5), (0.7, 0.5))
)
MOST_WRONG, MOST_WRONG_OF_TEN, LEAST_FINE = 0.045, 0.015, 0.82

Floats = NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, help="only these, as if the critic had learned them")
    parser.add_argument("--held-out", type=Path, help="only these, as if it had not")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    if arguments.labels is None:
        held_out = Looked.at(read_table(arguments.held_out or ROOT / HELD_OUT))
        figures |= {f"held out: {name}": value for name, value in unseen(held_out).items()}
    if arguments.held_out is None:
        figures |= learned(Looked.at(read_table(arguments.labels or ROOT / LABELS)))
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<70}{value if isinstance(value, int) else f'{value:.3f}':>8}")


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """Labelled pictures, redrawn and measured."""

    settings: CatalogSettings
    rubric: Rubric
    rows: Sequence[Seen]
    pictures: Sequence[Pixels]
    found: Sequence[Examined]
    wrong: Floats
    """How wrong each is, 0..1."""
    categories: Sequence[str]

    @classmethod
    def at(cls, rows: Sequence[Seen]) -> "Looked":
        """Redraws the rows' pictures, and measures them as a refresh does."""
        settings = load_settings(CONFIG)
        rubric = load_rubric(settings.rubric)
        bench = Bench(ClipScorer(settings.scorer), LetteringDetector.of(settings.lettering), rubric)
        wishes = {wish.caption(): wish for wish in every_wish()}
        pictures = draw_again(rows, settings.model)
        specimens = [
            _specimen(wishes[row.prompt], pixels)
            for row, pixels in zip(rows, pictures, strict=True)
        ]
        rivals = sorted({row.prompt for row in rows})
        found = [
            each
            for start in range(0, len(rows), CHUNK)
            for each in examine(specimens[start : start + CHUNK], bench, rivals)
        ]
        categories = [str(wishes[row.prompt].category) for row in rows]
        return cls(settings, rubric, rows, pictures, found, targets(rows), categories)

    @property
    def prompts(self) -> list[str]:
        return [row.prompt for row in self.rows]

    def figures(self, sound: Floats) -> dict[str, float]:
        """How many there are, and agreement and shares of verdicts, with these soundnesses too."""
        without: list[float | None] = [None] * len(self.rows)
        figures: dict[str, float] = {
            "pictures": len(self.rows),
            "wrong": int((self.wrong == 1).sum()),
            "fine": int((self.wrong == 0).sum()),
        }
        for name, answers in (("without the critic", without), ("with the critic", sound.tolist())):
            verdicts = _verdicts(self.found, answers, self.rubric)
            figures |= _agreement(
                f"total {name}", _totals(verdicts), self.wrong, self.categories
            ) | _shares(name, verdicts, self.wrong)
        return figures | _agreement("soundness", sound, self.wrong, self.categories)


def unseen(looked: Looked) -> dict[str, float]:
    """The figures of pictures that nothing was fitted to."""
    critic = critic_of(looked.settings.critic)
    if critic is None:
        raise SystemExit(f"{CONFIG} names no critic.")
    return looked.figures(np.array(critic.look(looked.pictures, looked.prompts)))


def learned(looked: Looked) -> dict[str, float]:
    """The figures of pictures that the critic learned from, cross-validated."""
    features = DenoiserFeatures(Path(looked.settings.model.id)).of(looked.pictures, looked.prompts)
    groups = [wish_of(prompt) for prompt in looked.prompts]
    sound = 1 - held_out_probabilities(features, looked.wrong, groups, penalty=PENALTY)
    nested = _nested(looked.found, features, looked.wrong, groups, looked.rubric)
    agreement = _agreement("total nested", _totals(nested), looked.wrong, looked.categories)
    return looked.figures(sound) | agreement | _shares("nested", nested, looked.wrong)


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

    Of the ladders that keep the bounds, the one whose totals agree best with people holds.
    """
    fold = folds_of(groups, 10)
    scorer = found[0].context.scorer_hash
    rubrics = [_with_ladder(rubric, scorer, ladder) for ladder in LADDERS]
    verdicts: dict[int, Verdict] = {}
    for number in range(fold.max() + 1):
        inside = np.flatnonzero(fold != number).tolist()
        outside = np.flatnonzero(fold == number).tolist()
        seen = [found[place] for place in inside]
        sound = 1 - held_out_probabilities(
            inputs[inside], wrong[inside], [groups[place] for place in inside], 5, PENALTY
        )
        chosen = max(rubrics, key=partial(_merit, seen, sound.tolist(), wrong[inside]))
        probe = fit_probe(inputs[inside], wrong[inside], PENALTY)
        answers = (1 - probe.probabilities(inputs[outside])).tolist()
        held = _verdicts([found[place] for place in outside], answers, chosen)
        verdicts |= dict(zip(outside, held, strict=True))
    return [verdicts[place] for place in range(len(found))]


def _merit(
    found: Sequence[Examined], answers: Sequence[float], wrong: Floats, rubric: Rubric
) -> tuple[bool, float]:
    """Whether a rubric keeps the bounds, and the AUROC of its totals; more is better."""
    verdicts = _verdicts(found, answers, rubric)
    _, bad, bad_of_ten, fine = _shares("", verdicts, wrong).values()
    totals = _totals(verdicts)
    return (
        bad <= MOST_WRONG and bad_of_ten <= MOST_WRONG_OF_TEN and fine >= LEAST_FINE,
        auroc(totals[wrong == 0], totals[wrong == 1]),
    )


def _with_ladder(rubric: Rubric, scorer: str, ladder: Mapping[str, tuple[float, float]]) -> Rubric:
    """The rubric with other soundnesses for two points and one, by criterion."""

    def changed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(
            rule.model_copy(update=dict(zip(("two", "one"), ladder[rule.criterion], strict=True)))
            if rule.signal == "soundness"
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
