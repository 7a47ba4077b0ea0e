"""The facts that a rubric may ask for: one flat table of numbers for each picture.

It joins the measured signals, the scorer's results and what the caller knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.signals.signal import SIGNALS
from catalog_gen.settings.views import EditPolicy

#: Facts that are not signals.
_OTHERS: Final[Mapping[str, str]] = {
    "width": "pixels",
    "height": "pixels",
    "identity_distance": "1 minus the cosine to the photo that it started from, 0..2",
    "lettering": "log-odds of words or a watermark laid over it",
    "soundness": "probability that a person finds the product's form sound, 0..1",
    "preference": "a critic's own measure of a picture, more is better; its scale is the critic's",
    "similarity": "cosine of picture and prompt, -1..1",
    "margin": "similarity minus that of the best other product's prompt, -2..2",
    "twin_bits": "bits of 64 between its perceptual hash and another product's nearest one",
    "twin_distance": "1 minus the cosine to another product's nearest picture, 0..2",
    "documented": "2: recipe and environment are on record, 1: the recipe alone, 0: neither",
}
#: A border shows a background with at most this spread and at least this share. Of 187 renders on
#: grey and wood, each with its product moved over the edge, the highest spread is 2.28 and the
#: lowest share 0.78.
_PLAIN_SPREAD: Final = 2.5
_PLAIN_SHARE: Final = 0.75
#: Prefix of an attribute's contrast: the probability of its asked value among rivals, 0..1.
CONTRAST: Final = "contrast_"


@cache
def known_facts() -> Mapping[str, str]:
    """The facts of every picture with their descriptions; asked attributes also have contrasts.

    Raises:
        ConfigError: an installed signal can't be imported.
    """
    measured = {name: says for _, each in SIGNALS.items() for name, says in each.facts.items()}
    return {**measured, **_OTHERS}


def is_fact(name: str) -> bool:
    """Whether a rule may use a name: a fact, or the contrast of any attribute."""
    return name in known_facts() or (name.startswith(CONTRAST) and name != CONTRAST)


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
    """Of the view, for a picture that started from a photo; None: drawn from text alone."""
    twin_bits: int | None = None
    """Bits between its perceptual hash and the nearest one of another product; None: no other."""
    twin_distance: float | None = None
    """1 minus the cosine to the nearest embedding of another product, 0..2; None: no other."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Fact to value (None: not measurable), and fact to the word for what was seen instead."""

    values: Mapping[str, float | None]
    seen: Mapping[str, str]


def is_scene(signals: Signals) -> bool:
    """Whether the border shows no background: nothing in it is "cut off" or "off-centre" then."""
    spread, share = signals.number("backdrop_spread"), signals.number("backdrop_share")
    if spread is None or share is None:
        return False
    return spread > _PLAIN_SPREAD or share < _PLAIN_SHARE


def facts_of(signals: Signals, clip: ClipScore, context: JudgingContext) -> Facts:
    """The table that rules are applied to: ``known_facts``, and the contrasts of what was asked.

    A view that asks for white is measured by it. In any other, a scene has no subject that a
    background tells apart: where it stands and how it is coloured can't be measured, unless the
    product's mask is known. A product of which every pixel is the photo's has the photo's form;
    the critic has learned from drawn ones.
    """
    kept = signals.number("kept_product") is not None
    scene = context.background != "white" and is_scene(signals) and not kept
    values = {name: signals.number(name) for name in known_facts()}
    if kept and not signals.number("kept_changed"):
        values["soundness"] = None
    seen: dict[str, str] = {}
    for _, signal in SIGNALS.items():
        seen |= {name: signals.text(word) for name, word in signal.seen.items()}
        if context.background != "white":
            values |= dict.fromkeys(signal.on_white)
        if scene:
            values |= dict.fromkeys(signal.on_backdrop)
    for attribute, contrast in signals.contrasts.items():
        values[f"{CONTRAST}{attribute}"] = contrast.probability
        seen[f"{CONTRAST}{attribute}"] = contrast.seen
    documented = int(context.recipe_complete) * (1 + int(context.environment_complete))
    values |= {
        "similarity": clip.similarity,
        "margin": clip.margin,
        "twin_bits": context.twin_bits,
        "twin_distance": context.twin_distance,
        "documented": documented,
    }
    return Facts(values, seen)
