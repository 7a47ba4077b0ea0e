"""Error rates of the signals for the four faults of kept products, with a fault and without."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.references import Origin
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import Rubric, load_rubric
from catalog_gen.settings.catalog import load_settings
from likeness.drawing import CONFIG, SIDE
from studio.evaluation.measures import wilson
from studio.evaluation.standing_defects import STANDING_DEFECTS, StandingDefect, plant_standing
from studio.photos.pairs import Pair

#: The signal that sees a planted fault.
SEEN_BY: Final[Mapping[StandingDefect, str]] = {
    "floating": "contact",
    "wrong plane": "plane_below",
    "too small": "fill",
    "too large": "edge_contact",
    "indistinct": "indistinct",
    "grown": "grown",
}


def faults(scenes: Iterator[Pair]) -> dict[str, Any]:
    """The error rates of the signals, whose thresholds were set on scenes 0 to 127."""
    rubric = load_rubric(load_settings(CONFIG).rubric)
    lost: dict[str, list[bool]] = defaultdict(list)
    for whole in scenes:
        pair = whole.reduced(SIDE)
        mask = pair.mask.astype(np.uint8) * 255
        for photo in pair.photos.values():
            good = _standing(photo, mask)
            for defect in STANDING_DEFECTS:
                draw = np.random.default_rng(whole.number)
                bad = _standing(*plant_standing(defect, photo, mask, draw))
                lost[f"{defect}, planted"].append(_loses(rubric, bad, SEEN_BY[defect]))
                lost[f"{defect}, none"].append(_loses(rubric, good, SEEN_BY[defect]))
    return {
        name: {key: round(value, 4) for key, value in asdict(wilson(sum(each), len(each))).items()}
        for name, each in lost.items()
    }


def _standing(pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Signals:
    return measure(pixels, asked=Asked(), origin=Origin(pixels, mask, mask > 127))


def _loses(rubric: Rubric, signals: Signals, fact: str) -> bool:
    """Whether the picture loses a point, or all, for this fact."""
    value = signals.number(fact)
    if value is None:
        return False
    points = [rule.points(value) for rule in rubric.rules if rule.signal == fact]
    return min(points) < 2 or any(rule.broken(value) for rule in rubric.hard if rule.signal == fact)
