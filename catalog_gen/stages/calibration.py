"""Find the accept cut from labelled pictures: what people reviewed, or planted defects."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from catalog_gen.judging.calibration import Calibration, Labelled, calibrate
from catalog_gen.judging.rubric import Decision, Rubric, Verdict, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.registry import Registry
from catalog_gen.settings import CatalogSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.figures import seconds_a_picture
from catalog_gen.store.verdicts import ReviewedVerdict, reviewed_verdicts

LabelSource = Literal["reviews", "planted"]

#: Judges pictures whose truth is known: (settings, scorer, folder of photos, how many of each kind)
#: to verdicts, each with whether the picture is bad.
LabelMaker = Callable[[CatalogSettings, ClipScorer, Path, int], Iterable[tuple[Verdict, bool]]]
#: Equipment that a night doesn't need, so it stands outside and registers itself.
LABEL_MAKERS: Final = Registry[LabelMaker]("label maker", "catalog_gen.label_makers")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a calibration found.

    ``accept_now`` is the cut that holds today; ``seconds_a_picture`` the measured drawing time,
    None before anything was drawn.
    """

    scorer_hash: str
    labels: int
    bad: int
    accept_now: int
    seconds_a_picture: float | None
    calibration: Calibration


def find_cut(
    catalog: Catalog,
    scorer: ClipScorer,
    labels: Sequence[Labelled],
    *,
    most_bad: float,
    confidence: float,
    prevalence: float | None,
) -> Findings:
    """The curve and the cut for these labels; changes nothing."""
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.reading() as connection:
        seconds = seconds_a_picture(connection)
    return Findings(
        scorer_hash=scorer.scorer_hash,
        labels=len(labels),
        bad=sum(each.bad for each in labels),
        accept_now=rubric.accept(scorer.scorer_hash),
        seconds_a_picture=seconds,
        calibration=calibrate(
            labels,
            review=rubric.bands.review,
            most_bad=most_bad,
            confidence=confidence,
            prevalence=prevalence,
        ),
    )


def reviewed_labels(catalog: Catalog, scorer_hash: str) -> list[Labelled]:
    """Every picture that a person accepted or rejected, as the current rubric judges it."""
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.reading() as connection:
        rows = reviewed_verdicts(connection, rubric.rubric_hash(scorer_hash))
    ceiling = _Ceiling(rubric, scorer_hash)
    return [
        ceiling.label(
            row, [each["points"] for each in json.loads(row.criteria).values()], row.rejected
        )
        for row in rows
    ]


def planted_labels(catalog: Catalog, scorer: ClipScorer, photos: Path, each: int) -> list[Labelled]:
    """So many good renders, and as many others with one planted defect each, all kinds equally.

    Raises:
        ConfigError: the studio, which plants them, is not installed.
        InputError: there are not so many photos.
    """
    made = LABEL_MAKERS.get("planted")(catalog.settings, scorer, photos, each)
    ceiling = _Ceiling(load_rubric(catalog.settings.rubric), scorer.scorer_hash)
    return [
        ceiling.label(verdict, [score.points for score in verdict.criteria.values()], bad)
        for verdict, bad in made
    ]


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """What the best cut could still make of a picture that was judged."""

    rubric: Rubric
    scorer_hash: str

    def label(
        self, judged: Verdict | ReviewedVerdict, points: Sequence[int], bad: bool
    ) -> Labelled:
        """``points`` are those of its criteria."""
        return Labelled(judged.total, self._best(judged, min(points)), bad)

    def _best(self, judged: Verdict | ReviewedVerdict, weakest: int) -> Decision:
        """The best decision that any cut could give it."""
        if judged.hard_failures:
            return "rejected"
        if weakest < self.rubric.bands.floor:
            return "review"
        calibrated = self.rubric.section(self.scorer_hash).calibrated
        over_cut = judged.total >= self.rubric.accept(self.scorer_hash)
        if calibrated and judged.decision == "review" and over_cut:
            return "review"  # its edit policy asks for a person
        return "accepted"
