"""Chooses among the candidates of one product and view. Publishing what it chose is not here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from catalog_gen.judging.rubric import Decision

_RANK: Final[dict[Decision, int]] = {"accepted": 2, "review": 1, "rejected": 0}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A judged picture; ``decision`` is a person's where there is one, else the rubric's."""

    image_id: str
    number: int
    """The candidate's number within its product and view."""
    decision: Decision
    total: int
    margin: float


def best(candidates: Iterable[Candidate]) -> Candidate | None:
    """Accepted before review before rejected, then by total, margin, and the lower number.

    The choice does not depend on the order they come in. None: there are no candidates.
    """
    return max(
        candidates,
        key=lambda each: (
            _RANK[each.decision],
            each.total,
            each.margin,
            -each.number,
            each.image_id,
        ),
        default=None,
    )
