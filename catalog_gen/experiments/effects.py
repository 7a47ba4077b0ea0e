"""Main effects: by how much a setting changes points, acceptance and cost, and how sure that is.

Two levels of an axis are compared on pairs of pictures that agree in everything else. Pairs of one
subject and seed share their noise and are averaged first; the interval is Student's t over these
blocks (paired differences, Box, Hunter and Hunter, Statistics for Experimenters, chapter 3).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Final, Literal

from catalog_gen.experiments.definition import Level
from catalog_gen.experiments.results import Block, Result, varied
from catalog_gen.fingerprint import canonical_json
from catalog_gen.recipe import Recipe

CONFIDENCE: Final = 0.95
#: Points of 10 below which a difference does not matter: a quarter of one criterion's step.
NOTHING: Final = 0.25


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of ``n`` blocks and its confidence interval; None for the ends: one block has none."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def is_above(self) -> bool:
        """Whether it is clearly above 0."""
        return self.low is not None and self.low > 0

    @property
    def is_below(self) -> bool:
        """Whether it is clearly below 0."""
        return self.high is not None and self.high < 0

    def is_within(self, margin: float) -> bool:
        """Whether it is clearly nearer to 0 than ``margin``."""
        return self.low is not None and self.low > -margin and (self.high or 0.0) < margin


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes between two levels of an axis, all else equal.

    Attributes:
        points: of the rubric's 10.
        accepted: share of pictures, -1..1; ``shares``: at the first level and at the second.
        cost: of the second level over that of the first; None: unmeasured.
    """

    grid: str
    axis: str
    before: Level
    after: Level
    points: Interval
    accepted: Interval
    shares: tuple[float, float]
    cost: float | None

    @property
    def verdict(self) -> Literal["better", "worse", "no difference", "not clear"]:
        """What may be said of the points."""
        if self.points.is_within(NOTHING):
            return "no difference"
        if self.points.is_above:
            return "better"
        return "worse" if self.points.is_below else "not clear"


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of at least one value with its t interval."""
    from scipy.stats import t

    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean, None, None, len(values))
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return Interval(mean, mean - half, mean + half, len(values))


def effects_of(results: Sequence[Result]) -> list[Effect]:
    """The effects of one grid, axis by axis; pictures that were not judged are left out.

    Numbers are compared with the next larger one, names with the first.
    """
    judged = [each for each in results if each.total is not None and not each.is_control]
    found: list[Effect] = []
    for axis in varied(judged):
        for before, after in _compared(judged, axis):
            pairs = paired(
                [each for each in judged if each.settings[axis] == before],
                [each for each in judged if each.settings[axis] == after],
                apart=axis,
            )
            if pairs:
                found.append(_effect(axis, before, after, pairs))
    return found


def paired(
    first: Sequence[Result], second: Sequence[Result], *, apart: str | None = None
) -> list[tuple[Result, Result]]:
    """Pairs of results of one block; with ``apart``, all other settings are equal, too."""

    def key(result: Result) -> str:
        rest = {} if apart is None else {**result.settings, apart: None}
        return canonical_json([result.block, rest])

    others = {key(each): each for each in second}
    return [(each, others[key(each)]) for each in first if key(each) in others]


def difference(
    pairs: Sequence[tuple[Result, Result]],
    measure: Callable[[Result], float],
    confidence: float = CONFIDENCE,
) -> Interval:
    """How much the second of each pair measures more, over blocks."""
    blocks: dict[Block, list[float]] = defaultdict(list)
    for one, other in pairs:
        blocks[one.block].append(measure(other) - measure(one))
    return interval([fmean(each) for each in blocks.values()], confidence)


def points(result: Result) -> float:
    """The rubric's points of a judged picture."""
    return float(result.total or 0)


def is_accepted(result: Result) -> float:
    """1 for an accepted picture, 0 for others."""
    return float(result.decision == "accepted")


def cost_ratio(pairs: Sequence[tuple[Result, Result]]) -> float | None:
    """The cost of the second pictures over that of the first; None where it was not measured.

    Where a step costs the same in both, it is counted in pixels and steps, for a clock also
    measures what else the machine did. Another model or scheduler is timed.
    """
    if all(_a_steps_cost(one.recipe) == _a_steps_cost(other.recipe) for one, other in pairs):
        return sum(other.recipe.work for _, other in pairs) / sum(
            one.recipe.work for one, _ in pairs
        )
    first = sum(one.seconds or 0.0 for one, _ in pairs)
    return sum(other.seconds or 0.0 for _, other in pairs) / first if first else None


def _a_steps_cost(recipe: Recipe) -> tuple[object, ...]:
    """What decides it beside the pixels: without guidance, the model runs once a step."""
    return recipe.model_hash, recipe.scheduler, recipe.method.task, recipe.guidance > 1


def _compared(results: Sequence[Result], axis: str) -> list[tuple[Level, Level]]:
    levels: list[Level] = []
    for each in results:
        if each.settings[axis] not in levels:
            levels.append(each.settings[axis])
    if all(isinstance(each, int | float) for each in levels):
        levels.sort(key=lambda each: float(each) if isinstance(each, int | float) else 0.0)
        return list(pairwise(levels))
    return [(levels[0], each) for each in levels[1:]]


def _effect(
    axis: str, before: Level, after: Level, pairs: Sequence[tuple[Result, Result]]
) -> Effect:
    return Effect(
        grid=pairs[0][0].grid,
        axis=axis,
        before=before,
        after=after,
        points=difference(pairs, points),
        accepted=difference(pairs, is_accepted),
        shares=(
            fmean(is_accepted(one) for one, _ in pairs),
            fmean(is_accepted(other) for _, other in pairs),
        ),
        cost=cost_ratio(pairs),
    )
