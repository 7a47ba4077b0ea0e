"""The rubric: turn measured numbers into a verdict, by thresholds in a file.

Five criteria give 0, 1 or 2 points each. A criterion's points are those of its worst rule, with a
sentence that states the numbers. Judging needs no model and no pixels: stored signals are judged
again whenever a threshold changes. ``calibration`` finds thresholds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal, Self, get_args

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.decision import Decision
from catalog_gen.fingerprint import sha256_json
from catalog_gen.judging.facts import Facts, JudgingContext, facts_of, is_fact, known_facts
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.wording import number, percent, worded
from catalog_gen.toml_file import load_toml

Criterion = Literal[
    "prompt_adherence", "visual_realism", "artifacts", "ecommerce_usability", "reproducibility"
]
CRITERIA: Final[tuple[Criterion, ...]] = get_args(Criterion)
Points = Literal[0, 1, 2]

#: The section for scorers without one of their own.
DEFAULT_SCORER: Final = "default"


class Rule(Chosen):
    """The points for one signal: 2 from ``two`` on, 1 from ``one`` on, else 0.

    The order of the two thresholds determines whether higher or lower is better.
    """

    criterion: Criterion
    signal: str = Field(description="one of facts.known_facts, or contrast_ATTRIBUTE")
    two: float
    one: float
    says: str = Field(description="a clause with {value}, or {percent} for a share, or {seen}")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _check_words(self.signal, self.says)
        if self.two == self.one:
            raise ValueError(f"{self.signal}: two and one are both {self.two}; one of them differs")
        return self

    def points(self, value: float) -> Points:
        """The points for a measured value."""
        sign = 1 if self.two > self.one else -1
        if sign * value >= sign * self.two:
            return 2
        return 1 if sign * value >= sign * self.one else 0

    def sentence(self, value: float, facts: Facts) -> str:
        """The clause with its numbers, and the thresholds if points were lost."""
        words = worded(self.says, value, seen=facts.seen.get(self.signal, ""))
        if self.points(value) == 2:
            return words
        limit = "at least" if self.two > self.one else "at most"
        share = "{percent}" in self.says
        two, one = (percent(x) if share else number(x) for x in (self.two, self.one))
        return f"{words} (2 points take {limit} {two}, 1 point {one})"


class HardRule(Chosen):
    """A limit beyond which a picture is rejected, whatever its total."""

    signal: str = Field(description="one of facts.known_facts, or contrast_ATTRIBUTE")
    below: float | None = None
    above: float | None = None
    says: str = Field(description="a clause with {value}, {percent} or {seen}")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _check_words(self.signal, self.says)
        if (self.below is None) == (self.above is None):
            raise ValueError(f"{self.signal}: set either below or above")
        return self

    def broken(self, value: float) -> bool:
        """Whether a measured value rejects the picture."""
        if self.below is not None:
            return value < self.below
        return self.above is not None and value > self.above

    def sentence(self, value: float, facts: Facts) -> str:
        """The clause with its number and the limit."""
        words = worded(self.says, value, seen=facts.seen.get(self.signal, ""))
        bound = self.below if self.below is not None else self.above
        assert bound is not None
        limit = percent(bound) if "{percent}" in self.says else number(bound)
        return f"{words} (the limit is {limit})"


class Bands(Chosen):
    """The decisions for a total of 0..10."""

    accept: int = Field(8, ge=0, le=10)
    review: int = Field(6, ge=0, le=10)
    floor: Points = Field(1, description="minimum points per criterion of an accepted picture")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.review > self.accept:
            raise ValueError(f"review {self.review} is above accept {self.accept}")
        return self


class CutRecord(Chosen):
    """How a scorer's accept cut was found. For information; it affects no decision."""

    found_on: date
    labels: int = Field(ge=1, description="number of labelled pictures that it is based on")
    source: str = Field(description="'reviews', or 'planted' defects")
    prevalence: float | None = Field(
        None, ge=0, le=1, description="assumed share of bad pictures, for 'planted' labels"
    )
    most_bad: float = Field(ge=0, le=1, description="limit on the share of bad accepted pictures")
    confidence: float = Field(ge=0, le=1, description="confidence with which the limit holds")


class CriticRecord(Chosen):
    """A critic learned from the shop's reviews, and the data that it was fitted to."""

    weights: str = Field(description="its file, next to the rubric")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of that file")
    found_on: date
    labels: int = Field(ge=1, description="number of reviewed pictures that it was fitted to")
    rejected: int = Field(ge=1, description="how many of them people rejected")
    reviews: str = Field(
        pattern="^[0-9a-f]{64}$", description="hash of those pictures and what people decided"
    )
    auroc: float = Field(ge=0, le=1, description="measured on products that it was not fitted to")


class ScorerSection(Chosen):
    """Thresholds that hold for one scorer model only."""

    calibrated: bool = Field(
        description="whether these thresholds come from pictures labelled for this scorer"
    )
    accept: int | None = Field(
        None, ge=0, le=10, description="replaces bands.accept; set by `catalog-gen calibrate`"
    )
    cut: CutRecord | None = None
    critic: CriticRecord | None = Field(
        None, description="set by `catalog-gen calibrate --critic`; supplies the fact 'soundness'"
    )
    rules: tuple[Rule, ...] = ()
    hard: tuple[HardRule, ...] = ()


class Rubric(Chosen):
    """The whole of ``rubric.toml``."""

    bands: Bands = Bands()
    rules: tuple[Rule, ...] = ()
    hard: tuple[HardRule, ...] = ()
    scorers: dict[str, ScorerSection] = Field(description="by scorer hash, and 'default'")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if DEFAULT_SCORER not in self.scorers:
            raise ValueError("scorers.default is missing")
        for name, section in self.scorers.items():
            ruled = {rule.criterion for rule in (*self.rules, *section.rules)}
            missing = set(CRITERIA) - ruled
            if missing:
                raise ValueError(f"scorers.{name}: no rule for {', '.join(sorted(missing))}")
            if section.accept is not None and section.accept < self.bands.review:
                raise ValueError(
                    f"scorers.{name}: accept {section.accept} is below review {self.bands.review}"
                )
        return self

    def section(self, scorer_hash: str) -> ScorerSection:
        """The scorer's own section, or the default one."""
        return self.scorers.get(scorer_hash, self.scorers[DEFAULT_SCORER])

    def accept(self, scorer_hash: str) -> int:
        """The lowest total that is accepted with this scorer."""
        own = self.section(scorer_hash).accept
        return self.bands.accept if own is None else own

    def rubric_hash(self, scorer_hash: str) -> str:
        """SHA-256 over everything that affects verdicts: shared rules, the section, the scorer."""
        return sha256_json(
            {
                "shared": self.chosen(without=("scorers",)),
                "section": self.section(scorer_hash).chosen(without=("cut",)),
                "scorer": scorer_hash,
            }
        )


@dataclass(frozen=True, slots=True)
class Score:
    """One criterion's points, and the reason."""

    points: Points
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one picture."""

    decision: Decision
    total: int
    """0..10."""
    criteria: Mapping[Criterion, Score]
    hard_failures: tuple[str, ...]
    """Sentences; any of them rejects the picture."""


def load_rubric(path: Path) -> Rubric:
    """Read and check ``rubric.toml``.

    Raises:
        ConfigError: the file is missing, not TOML, or breaks rules; all of them are listed.
    """
    return load_toml(path, Rubric, "'rubric' in catalog.toml")


def judge(signals: Signals, clip: ClipScore, rubric: Rubric, context: JudgingContext) -> Verdict:
    """The verdict on one picture; the same values always give the same verdict."""
    facts = facts_of(signals, clip, context)
    section = rubric.section(context.scorer_hash)
    rules = (*rubric.rules, *section.rules)
    criteria = {criterion: _score(criterion, rules, facts) for criterion in CRITERIA}
    held = _held_back(section, context)
    if held:
        adherence = criteria["prompt_adherence"]
        criteria["prompt_adherence"] = Score(adherence.points, f"{adherence.why} {held}")
    hard = tuple(
        _sentence(rule.sentence(value, facts))
        for rule in (*rubric.hard, *section.hard)
        if (value := facts.values.get(rule.signal)) is not None and rule.broken(value)
    )
    total = sum(score.points for score in criteria.values())
    weakest = min(score.points for score in criteria.values())
    decision: Decision
    if hard or total < rubric.bands.review:
        decision = "rejected"
    elif total < rubric.accept(context.scorer_hash) or weakest < rubric.bands.floor or held:
        decision = "review"
    else:
        decision = "accepted"
    return Verdict(decision, total, criteria, hard)


def _score(criterion: Criterion, rules: tuple[Rule, ...], facts: Facts) -> Score:
    """The worst rule's points; rules that lost points come first in the sentence.

    A criterion without a measurable signal gets one point, neither a merit nor a fault.
    """
    found = [
        (rule.points(value), rule.sentence(value, facts))
        for rule in rules
        if rule.criterion == criterion and (value := facts.values.get(rule.signal)) is not None
    ]
    if not found:
        return Score(1, "Nothing that this criterion asks for can be measured in this picture.")
    found.sort(key=lambda each: each[0])
    return Score(found[0][0], _sentence("; ".join(words for _, words in found)))


def _held_back(section: ScorerSection, context: JudgingContext) -> str:
    """Why this picture can at best go to review; empty if it may be accepted."""
    reasons = []
    if not section.calibrated:
        reasons.append("This scorer was never calibrated, so a person decides.")
    if context.edit_policy == "variant":
        reasons.append("The edit policy 'variant' changes the product, so a person decides.")
    return " ".join(reasons)


def _check_words(signal: str, says: str) -> None:
    if not is_fact(signal):
        names = ", ".join(sorted(known_facts()))
        raise ValueError(f"{signal!r} is not a signal; use contrast_ATTRIBUTE, or one of {names}")
    try:
        worded(says, 0.5, seen="word")
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{says!r} may hold {{value}}, {{percent}} and {{seen}} only") from error


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
