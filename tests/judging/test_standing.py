"""Faults of kept products are seen, and products that stand well have none."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from catalog_gen.diffusion.grounds import shaded
from catalog_gen.diffusion.references import Origin
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from studio.evaluation.standing_defects import STANDING_DEFECTS, StandingDefect, plant_standing
from tests.judging.drawn import BLUE, RED, product

RUBRIC = load_rubric(Path(__file__).parents[2] / "data" / "rubric.toml")
CLIP = ClipScore(0.3, 0.1, np.zeros(4, np.float32))

#: What each fault is seen by: the signals, of which one loses points or rejects.
SEEN_BY: dict[StandingDefect, tuple[str, ...]] = {
    "floating": ("contact",),
    "wrong plane": ("plane_below",),
    "too small": ("fill",),
    "too large": ("edge_contact",),
    "indistinct": ("indistinct",),
    "grown": ("grown",),
}


def on_a_table(colour: tuple[int, int, int], side: int = 128) -> tuple[Pixels, Pixels]:
    """A bottle on a table before a wall, with its shadow, and its mask."""
    bottle = product(colour, side=side, size=0.7, middle=(0.5, 0.52)).astype(np.float32)
    dark = product((0, 0, 0), side=side, size=0.7, middle=(0.5, 0.52))
    mask = 255 - dark[..., 0]
    grain = np.random.default_rng(2).normal(0, 2, (side, side, 1))
    ground = np.full((side, side, 3), (186, 176, 160)) + ndimage.gaussian_filter(grain, 2)
    ground[round(0.45 * side) :] = np.array((206, 150, 96)) + grain[round(0.45 * side) :]
    coverage = mask.astype(np.float32) / 255
    ground = shaded(ground.astype(np.float32), coverage, 0.5)
    share = coverage[..., None]
    return np.asarray((bottle * share + ground * (1 - share)).round(), np.uint8), mask


def measured(pixels: Pixels, mask: Pixels) -> Signals:
    whole = ndimage.binary_erosion(mask == 255, iterations=2)
    return measure(pixels, asked=Asked(), origin=Origin(pixels, mask, whole))


def judged(signals: Signals) -> Verdict:
    return judge(signals, CLIP, RUBRIC, JudgingContext("own", True, True, edit_policy="cosmetic"))


@pytest.mark.parametrize("colour", [RED, BLUE])
@pytest.mark.parametrize("side", [128, 512])
def test_a_product_that_stands_well_has_no_problem(colour: tuple[int, int, int], side: int) -> None:
    signals = measured(*on_a_table(colour, side))
    verdict = judged(signals)
    assert not verdict.hard_failures
    assert verdict.criteria["artifacts"].points == 2, verdict
    assert verdict.criteria["visual_realism"].points == 2, verdict
    # On a table nothing but the mask says where the product is.
    assert signals.number("fill") == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("defect", STANDING_DEFECTS)
@pytest.mark.parametrize("colour", [RED, BLUE])
def test_a_planted_fault_is_seen(defect: StandingDefect, colour: tuple[int, int, int]) -> None:
    pixels, mask = plant_standing(defect, *on_a_table(colour), np.random.default_rng(1))
    signals = measured(pixels, mask)
    rules = [rule for rule in RUBRIC.rules if rule.signal in SEEN_BY[defect]]
    values = [signals.number(rule.signal) for rule in rules]
    assert any(
        value is not None and rule.points(value) < 2
        for rule, value in zip(rules, values, strict=True)
    ), values
    assert judged(signals).total < judged(measured(*on_a_table(colour))).total


def test_one_changed_pixel_rejects_and_is_counted() -> None:
    pixels, mask = on_a_table(RED, 512)
    whole = ndimage.binary_erosion(mask == 255, iterations=2)
    origin = Origin(pixels, mask, whole)
    proved = measure(pixels, asked=Asked(), origin=origin)
    assert proved.number("kept_changed") == 0
    assert 0.8 < (proved.number("kept_product") or 0) < 1
    verdict = judged(proved)
    assert (
        "0 of the pixels that had to stay the photo's differ" in verdict.criteria["artifacts"].why
    )
    changed = pixels.copy()
    changed[256, 256, 1] ^= 1
    signals = measure(changed, asked=Asked(), origin=origin)
    assert signals.number("kept_changed") == 1
    assert signals["kept_of"] == proved["kept_of"]
    (failure,) = judged(signals).hard_failures
    assert "1 of them differ from the photo's" in failure


def test_the_critic_judges_no_product_that_is_proved_to_be_the_photos() -> None:
    pixels, mask = on_a_table(BLUE)
    signals = measured(pixels, mask).with_answers(soundness=0.05)
    assert not judged(signals).hard_failures
    without = measure(pixels, asked=Asked(), reference=pixels).with_answers(soundness=0.05)
    assert any("form is broken" in failure for failure in judged(without).hard_failures)
