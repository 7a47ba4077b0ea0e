"""Channel passports: a sales channel's requirements for pictures, as dated rules in a file.

A passport is checked against stored signals and the file's properties, without a model or pixels.
It does not decide what is published: a picture that one channel refuses may suit another.
"""

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.wording import number, percent, worded
from catalog_gen.toml_file import load_toml

ImageFormat = Literal["PNG", "JPEG", "WEBP"]
Outcome = Literal["passed", "failed", "coming", "not measured"]
Slot = Literal["main", "additional"]
Phase = Literal["coming", "in force", "over"]

#: Facts that rules may use: those of the signals, then those of the file.
MEASURED: Final = frozenset(
    {"fill", "near_white", "pure_white", "edge_contact", "off_centre", "parts", "lettering"}
)
PASSPORT_FACTS: Final[frozenset[str]] = MEASURED | {
    *("shorter_side", "longer_side", "megapixels", "megabytes")
}


class PassportRule(Chosen):
    """The allowed range of one measured fact, optionally between two dates."""

    fact: str = Field(description="one of PASSPORT_FACTS")
    at_least: float | None = None
    at_most: float | None = None
    since: date | None = Field(None, description="the first day on which it holds")
    until: date | None = Field(None, description="the first day on which it doesn't hold any more")
    main_only: bool = Field(False, description="whether additional pictures are exempt")
    says: str = Field(description="a clause with {value}, or {percent} for a share")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.fact not in PASSPORT_FACTS:
            known = ", ".join(sorted(PASSPORT_FACTS))
            raise ValueError(f"{self.fact!r} is not a fact of a picture; choose one of {known}")
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"{self.fact}: give at_least, at_most or both")
        try:
            worded(self.says, 0.5)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"{self.says!r} may hold {{value}} and {{percent}} only") from error
        return self

    def phase(self, day: date) -> Phase:
        """All that a day decides about the rule's results."""
        if self.until is not None and day >= self.until:
            return "over"
        return "coming" if self.since is not None and day < self.since else "in force"

    def check(self, value: float | None, day: date) -> "Check | None":
        """Apply the rule to a value on a day; None if it has expired."""
        phase = self.phase(day)
        if phase == "over":
            return None
        if value is None:
            return Check(self.fact, "not measured", f"{self.fact} was not measured")
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        kept = low <= value <= high
        words = f"{worded(self.says, value)} ({self._range})"
        if phase == "coming":
            fate = "will pass" if kept else "will fail"
            return Check(self.fact, "coming", f"{words}: {fate} from {self.since} on")
        return Check(self.fact, "passed" if kept else "failed", words)

    @cached_property
    def _range(self) -> str:
        shown = percent if "{percent}" in self.says else number
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{name} {shown(x)}" for name, x in bounds if x is not None)


class Passport(Chosen):
    """One channel's requirements for pictures."""

    title: str
    source: str = Field(description="the channel's page with the requirements")
    reviewed: date = Field(description="when the rules were last compared with the source")
    formats: tuple[ImageFormat, ...] = Field(min_length=1)
    synthetic: Literal["allowed", "declared", "refused"] = Field(
        description="whether generated pictures are allowed, allowed with metadata, or refused"
    )
    rules: tuple[PassportRule, ...] = Field(min_length=1)

    def check(
        self, file: "PictureFile", signals: Signals | None, day: date, slot: Slot = "main"
    ) -> "Stamped":
        """Check a picture for a slot on a day; without signals, their facts count as unmeasured."""
        checks = [
            found
            for rule in self.rules
            if (slot == "main" or not rule.main_only)
            and (found := rule.check(picture_fact(rule.fact, file, signals), day)) is not None
        ]
        known = ", ".join(self.formats)
        checks.append(
            Check(
                "format",
                "passed" if file.format in self.formats else "failed",
                f"the file is {file.format} (one of {known})",
            )
        )
        checks.append(self._check_synthetic(file))
        return Stamped(self.title, tuple(checks))

    def large_enough(self, width: int, height: int, day: date) -> tuple[int, int]:
        """The smallest size of these proportions that no minimum in force on a day refuses.

        The size itself if it is large enough. Rules for main pictures count: products that share
        a picture's file may show it in either slot.
        """
        factors = [1.0]
        for rule in self.rules:
            if rule.at_least is None or rule.phase(day) != "in force":
                continue
            if rule.fact in ("shorter_side", "longer_side"):
                side = min(width, height) if rule.fact == "shorter_side" else max(width, height)
                factors.append(rule.at_least / side)
            elif rule.fact == "megapixels":
                factors.append(math.sqrt(rule.at_least * 1e6 / (width * height)))
        factor = max(factors)
        # Below a millionth of a pixel it is rounding: 333 * (1000 / 333) is 1000.
        return math.ceil(width * factor - 1e-6), math.ceil(height * factor - 1e-6)

    def _check_synthetic(self, file: "PictureFile") -> "Check":
        if self.synthetic == "allowed":
            return Check("synthetic", "passed", "pictures made by a model are allowed")
        if self.synthetic == "declared":
            words = "declares" if file.declared else "does not declare"
            return Check(
                "synthetic",
                "passed" if file.declared else "failed",
                f"the file {words} that a model made it (DigitalSourceType)",
            )
        return Check("synthetic", "failed", "pictures made by a model are refused in this slot")


@dataclass(frozen=True, slots=True)
class PictureFile:
    """Properties of the picture file that the channel would receive."""

    format: ImageFormat
    width: int
    height: int
    size: int
    """Bytes."""
    declared: bool
    """Whether the file's metadata says that a model made it."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one rule; ``words`` includes the measured number."""

    fact: str
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Stamped:
    """A channel's results for one picture."""

    title: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule in force failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[str, ...]:
        """Descriptions of the failed rules."""
        return tuple(check.words for check in self.checks if check.outcome == "failed")


def picture_fact(name: str, file: PictureFile, signals: Signals | None) -> float | None:
    """The value of one of ``PASSPORT_FACTS`` for a picture; None: not measured."""
    match name:
        case "shorter_side":
            return min(file.width, file.height)
        case "longer_side":
            return max(file.width, file.height)
        case "megapixels":
            return file.width * file.height / 1e6
        case "megabytes":
            return file.size / 1e6
        case _:
            return signals.number(name) if signals else None


def load_passports(path: Path) -> dict[str, Passport]:
    """Read and check ``passports.toml``: passports by the channel's short name.

    Raises:
        ConfigError: the file is missing, is not TOML, or breaks rules; all of them are listed.
    """
    return load_toml(path, dict[str, Passport], "'passports' in catalog.toml")
