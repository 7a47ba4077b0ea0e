"""Find the accept cut from labelled pictures, normally those that people reviewed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from catalog_gen.decision import Decision
from catalog_gen.judging.calibration import Calibration, Labelled, Outlook, calibrate
from catalog_gen.judging.rubric import Rubric, Verdict, load_rubric
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.figures import seconds_a_picture
from catalog_gen.store.verdicts import ReviewedVerdict, reviewed_verdicts


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a calibration.

    ``accept_now`` is the current cut; ``seconds_a_picture`` the measured drawing time, None before
    anything was drawn.
    """

    scorer_hash: str
    labels: int
    bad: int
    accept_now: int
    seconds_a_picture: float | None
    calibration: Calibration


def find_cut(
    catalog: Catalog,
    scorer_hash: str,
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
        scorer_hash=scorer_hash,
        labels=len(labels),
        bad=sum(each.bad for each in labels),
        accept_now=rubric.accept(scorer_hash),
        seconds_a_picture=seconds,
        calibration=calibrate(
            labels,
            review=rubric.bands.review,
            most_bad=most_bad,
            confidence=confidence,
            prevalence=prevalence,
        ),
    )


def what_is_missing(found: Findings) -> str:
    """What would let a cut be chosen, in a sentence; '' where one is."""
    needed = found.calibration.needed
    sentences: dict[Outlook, str] = {
        "done": "",
        "rates stay": f"About {needed} labels are needed if the rates stay as they are."
        if needed
        else "The rate of bad pictures is too close to the limit for any number of labels; allow "
        "more with --most-bad.",
        "no more bad": f"These are too few to tell: about {needed} labels would do if no further "
        "bad picture is among those that the strictest cut accepts.",
        "none accepted": "No cut accepts any of the labelled pictures, so they show nothing about "
        "accepted ones. `catalog-gen review --sample 60` lists a sample of all.",
        "too many bad": "More labels would not help: too many bad pictures pass the strictest cut. "
        "Raise thresholds in the rubric, or --most-bad.",
    }
    return sentences[found.calibration.outlook]


def reviewed_labels(catalog: Catalog, scorer_hash: str) -> list[Labelled]:
    """Every picture that a person accepted or rejected, as the current rubric judges it."""
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.reading() as connection:
        rows = reviewed_verdicts(connection, rubric.rubric_hash(scorer_hash))
    ceiling = Ceiling(rubric, scorer_hash)
    return [
        ceiling.label(
            row, [each["points"] for each in json.loads(row.criteria).values()], row.rejected
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The best decision that any cut could give a judged picture."""

    rubric: Rubric
    scorer_hash: str

    def label(
        self, judged: Verdict | ReviewedVerdict, points: Sequence[int], bad: bool
    ) -> Labelled:
        """A picture's label; ``points`` are those of its criteria."""
        return Labelled(judged.total, self._best(judged, min(points)), bad)

    def _best(self, judged: Verdict | ReviewedVerdict, weakest: int) -> Decision:
        """The best decision that any cut could give the picture."""
        if judged.hard_failures:
            return "rejected"
        if weakest < self.rubric.bands.floor:
            return "review"
        calibrated = self.rubric.section(self.scorer_hash).calibrated
        over_cut = judged.total >= self.rubric.accept(self.scorer_hash)
        if calibrated and judged.decision == "review" and over_cut:
            return "review"  # its edit policy requires a person
        return "accepted"
