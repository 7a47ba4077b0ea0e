"""Sets the accept cut so that few bad pictures pass, with stated confidence.

Labels mark the bad pictures; the curve gives what each cut on the rubric's total would accept. Cuts
are tested from the strictest down, and testing stops at the first that can't be shown to keep the
bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from catalog_gen.decision import Decision

#: Totals of the rubric, the strictest cut first.
CUTS: Final = tuple(range(10, -1, -1))

#: Largest advised increase of labels, as a multiple of the existing ones.
_MOST_TIMES: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A judged picture and the truth about it.

    ``best`` is the best decision that any cut can give it: a hard rule rejects it at any total,
    and a criterion below its floor sends it to review.
    """

    total: int
    best: Decision
    bad: bool


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The effect of one cut.

    ``accepted`` and ``bad`` count labels. The shares, 0..1, are at the assumed prevalence, if any:
    ``bad_share`` of bad pictures among accepted ones, ``bound`` its upper confidence
    limit, ``manual_share`` of all pictures that go to a person, ``good_share`` of all pictures that
    are accepted and good.
    """

    cut: int
    accepted: int
    bad: int
    bad_share: float
    bound: float
    manual_share: float
    good_share: float


#: Whether more labels would help. "done": a cut is chosen; "rates stay": they would, at the same
#: rates; "no more bad": they would if no further bad picture is accepted; "none accepted": no cut
#: accepts any label; "too many bad": even the strictest cut accepts too many bad pictures.
Outlook = Literal["done", "rates stay", "no more bad", "none accepted", "too many bad"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curve, and the lowest cut that keeps the bound; None: none can be shown to keep it."""

    curve: tuple[CurvePoint, ...]
    chosen: CurvePoint | None
    needed: int | None
    """Labels that would probably suffice; None: a cut is chosen, or the number is unknown."""
    outlook: Outlook


def calibrate(
    labels: Sequence[Labelled],
    *,
    review: int,
    most_bad: float,
    confidence: float,
    prevalence: float | None = None,
) -> Calibration:
    """Choose the accept cut.

    Several cuts are tested on the same labels, in an order that does not depend on which labels are
    bad: from the strictest that accepts any picture down, until one fails. The error probability of
    the whole choice is therefore that of one test ("fixed sequence testing", A. Angelopoulos
    et al., "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", 2021,
    arXiv:2110.01052).

    Args:
        review: the rubric's lower band; pictures from there up to the cut go to a person.
        most_bad: the bound on the share of bad pictures among accepted ones, 0..1.
        confidence: the confidence level of the bound, 0..1.
        prevalence: the assumed share of bad pictures, 0..1, for artificial labels (planted
            defects). None: the labels are a sample of what the shop draws.
    """
    counts = [_counted(labels, cut, review) for cut in CUTS if cut >= review]
    curve = tuple(each.point(confidence, prevalence) for each in counts)
    tested = [point for point in curve if point.accepted]
    chosen: CurvePoint | None = None
    for point in tested:
        if point.bound > most_bad:
            break
        chosen = point
    if chosen is not None:
        return Calibration(curve, chosen, None, "done")
    strictest = next((each for each in counts if each.accepted), None)
    return Calibration(curve, None, *_missing(strictest, most_bad, confidence, prevalence))


def upper_limit(hits: float, count: float, confidence: float) -> float:
    """One-sided upper limit of a share (C. Clopper and E. Pearson, Biometrika 26, 1934)."""
    from scipy.stats import beta

    return 1.0 if hits >= count else float(beta.ppf(confidence, hits + 1, count - hits))


def lower_limit(hits: float, count: float, confidence: float) -> float:
    """One-sided lower limit of a share (Clopper and Pearson)."""
    return 1.0 - upper_limit(count - hits, count, confidence)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Labels by truth and by what a cut does with them."""

    cut: int
    accepted_bad: float
    accepted_good: float
    waiting_bad: float
    waiting_good: float
    bad: float
    good: float

    @property
    def accepted(self) -> float:
        return self.accepted_bad + self.accepted_good

    def times(self, factor: float) -> "_Counts":
        """The counts scaled by a factor, at the same rates."""
        return _Counts(
            self.cut,
            self.accepted_bad * factor,
            self.accepted_good * factor,
            self.waiting_bad * factor,
            self.waiting_good * factor,
            self.bad * factor,
            self.good * factor,
        )

    def point(self, confidence: float, prevalence: float | None) -> CurvePoint:
        """The shares and the bound."""
        if prevalence is None:
            labels = max(self.bad + self.good, 1)
            bad_share = self.accepted_bad / self.accepted if self.accepted else 0.0
            bound = upper_limit(self.accepted_bad, self.accepted, confidence)
            manual = (self.waiting_bad + self.waiting_good) / labels
            good = self.accepted_good / labels
        else:
            bad_share = _mixed(
                _rate(self.accepted_bad, self.bad), _rate(self.accepted_good, self.good), prevalence
            )
            # The share grows with the rate at which bad ones pass and falls with that of good
            # ones: half of the allowed error for each limit.
            half = (1 + confidence) / 2
            bound = _mixed(
                upper_limit(self.accepted_bad, self.bad, half),
                lower_limit(self.accepted_good, self.good, half),
                prevalence,
            )
            manual = prevalence * _rate(self.waiting_bad, self.bad)
            manual += (1 - prevalence) * _rate(self.waiting_good, self.good)
            good = (1 - prevalence) * _rate(self.accepted_good, self.good)
        accepted, bad = round(self.accepted), round(self.accepted_bad)
        return CurvePoint(self.cut, accepted, bad, bad_share, bound, manual, good)


def _counted(labels: Sequence[Labelled], cut: int, review: int) -> _Counts:
    def count(kept: Sequence[Labelled], bad: bool) -> int:
        return sum(each.bad == bad for each in kept)

    accepted = [each for each in labels if each.best == "accepted" and each.total >= cut]
    waiting = [
        each
        for each in labels
        if each.best != "rejected"
        and each.total >= review
        and not (each.best == "accepted" and each.total >= cut)
    ]
    return _Counts(
        cut,
        *(count(kept, bad) for kept in (accepted, waiting, labels) for bad in (True, False)),
    )


def _missing(
    strictest: _Counts | None, most_bad: float, confidence: float, prevalence: float | None
) -> tuple[int | None, Outlook]:
    """The number of labels that would confirm the bound, and on what condition."""
    if strictest is None:
        return None, "none accepted"
    labels = strictest.bad + strictest.good
    if strictest.point(confidence, prevalence).bad_share < most_bad:
        factor = 1.0
        while factor <= _MOST_TIMES:
            if strictest.times(factor).point(confidence, prevalence).bound <= most_bad:
                return ceil(factor * labels), "rates stay"
            factor *= 1.02
        return None, "rates stay"
    sure = (1 + confidence) / 2  # a single bad picture shows nothing
    shown = lower_limit(strictest.accepted_bad, strictest.accepted, sure) > most_bad
    if shown or prevalence is not None:
        return None, "too many bad"
    accepted = strictest.accepted
    while upper_limit(strictest.accepted_bad, accepted, confidence) > most_bad:
        accepted += 1
    return ceil(accepted * labels / strictest.accepted), "no more bad"


def _rate(hits: float, count: float) -> float:
    return hits / count if count else 0.0


def _mixed(bad_pass: float, good_pass: float, prevalence: float) -> float:
    """The share of bad pictures among those that pass."""
    bad, good = prevalence * bad_pass, (1 - prevalence) * good_pass
    return bad / (bad + good) if bad + good else 1.0
