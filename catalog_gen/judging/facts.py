"""The facts that a rubric may ask for: one flat table of numbers for each picture.

It joins what was measured, what the scorer said and what the caller knows. It has no thresholds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.settings import EditPolicy

_NO_NUMBERS: Final = frozenset({"colour_word", "colour_lab", "perceptual_hash", "contrasts"})
_ABOUT_WHITE: Final = frozenset({"pure_white", "near_white"})

#: The names that every picture has; beside them, each asked attribute has a contrast.
FACTS: Final[frozenset[str]] = frozenset(
    {each.name for each in fields(Signals)} - _NO_NUMBERS
    | {"similarity", "margin", "colour_lead", "twin_bits", "twin_distance", "documented"}
)
#: Before an attribute: how probable its asked value is among its rivals, 0..1.
CONTRAST: Final = "contrast_"


def is_fact(name: str) -> bool:
    """Whether a rule may use a name: a fact, or the contrast of any attribute."""
    return name in FACTS or (name.startswith(CONTRAST) and name != CONTRAST)


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """What the caller knows about a picture besides its pixels."""

    scorer_hash: str
    recipe_complete: bool
    """Everything chosen is stored: prompt, seed, scheduler, sizes, model hash, reference."""
    environment_complete: bool
    """Everything else that decides the pixels is stored: libraries, device, batch, threads."""
    background: Literal["white", "any"] = "any"
    edit_policy: EditPolicy | None = None
    """Of an img2img view; None: drawn from text alone."""
    twin_bits: int | None = None
    """Bits between its perceptual hash and the nearest one of another product; None: no other."""
    twin_distance: float | None = None
    """1 minus the cosine to the nearest embedding of another product, 0..2; None: no other."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers by name (None: not measurable here), and words that were seen instead."""

    values: Mapping[str, float | None]
    seen: Mapping[str, str]


def facts_of(signals: Signals, clip: ClipScore, context: JudgingContext) -> Facts:
    """The table that rules are applied to: ``FACTS``, and the contrasts of what was asked.

    ``colour_lead`` is the lead of the asked colour over foreign hues, -1..1: the share of the
    subject that has it, minus the share that has another hue. ``documented`` is 2
    with a complete recipe and environment, 1 with the recipe alone, 0 without it.
    """
    values: dict[str, float | None] = {
        each.name: getattr(signals, each.name)
        for each in fields(signals)
        if each.name not in _NO_NUMBERS
    }
    if context.background != "white":
        values |= dict.fromkeys(_ABOUT_WHITE)
    seen: dict[str, str] = {}
    for attribute, contrast in signals.contrasts.items():
        values[f"{CONTRAST}{attribute}"] = contrast.probability
        seen[f"{CONTRAST}{attribute}"] = contrast.seen
    for name in ("colour_delta", "colour_lead", "colour_share"):
        seen[name] = signals.colour_word or ""
    if signals.colour_rival is not None and signals.colour_share is not None:
        values["colour_lead"] = signals.colour_share - signals.colour_rival
    values["similarity"] = clip.similarity
    values["margin"] = clip.margin
    values["twin_bits"] = context.twin_bits
    values["twin_distance"] = context.twin_distance
    if not context.recipe_complete:
        values["documented"] = 0
    else:
        values["documented"] = 2 if context.environment_complete else 1
    return Facts(values, seen)
