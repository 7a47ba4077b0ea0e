"""Effects, their sentences, and the recommendation."""

import random
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from catalog_gen.experiments.advice import advise, catalog_diff
from catalog_gen.experiments.effects import Effect, effects_of, interval
from catalog_gen.experiments.results import Result
from catalog_gen.experiments.sentences import sentence
from catalog_gen.experiments.sheet import sheet_png, sheets_of
from catalog_gen.recipe import Recipe

RECIPE = Recipe.model_validate(
    {
        "method": "text2img",
        "model_hash": "a" * 64,
        "prompt": "",
        "negative_prompt": "",
        "seed": 0,
        "scheduler": "ddim",
        "steps": 20,
        "guidance": 3.0,
        "width": 128,
        "height": 128,
    }
)

CATALOG = """\
# The shop's settings.
[model]
id = "models/own"
sha256 = "abc"

[views.packshot]
template = "{{ title }}"
scheduler = "ddim"   # the model's own
steps = 20
"""


def result(
    total: int | None,
    seed: int,
    *,
    accepted: bool = True,
    seconds: float = 1.0,
    is_control: bool = False,
    subject: str = "mug",
    **settings: Any,
) -> Result:
    levels = {**settings, "seed": seed}
    fields = {name: value for name, value in levels.items() if name in ("steps", "scheduler")}
    recipe = RECIPE.model_copy(update={**fields, "seed": seed, "prompt": f"{subject} {levels}"})
    return Result(
        grid="g",
        subject=subject,
        levels=levels,
        values=levels,
        recipe=recipe,
        sha256=None if total is None else "a" * 64,
        total=total,
        decision=None if total is None else ("accepted" if accepted else "rejected"),
        seconds=seconds,
        is_control=is_control,
    )


def only_effect(results: list[Result]) -> Effect:
    (effect,) = effects_of(results)
    return effect


def test_the_interval_is_students() -> None:
    # scipy.stats.ttest_1samp([1, 2, 3, 4], 0).confidence_interval(): 0.4457, 4.5543
    found = interval([1, 2, 3, 4])
    assert (found.mean, found.n) == (2.5, 4)
    assert found.low == pytest.approx(0.4457, abs=1e-4)
    assert found.high == pytest.approx(4.5543, abs=1e-4)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = random.Random(1)
    samples = [interval([draws.gauss(1, 2) for _ in range(8)]) for _ in range(2000)]
    covering = sum((each.low or 0) < 1 < (each.high or 0) for each in samples)
    assert 0.93 < covering / 2000 < 0.97


def test_pairs_share_subject_seed_and_all_other_settings() -> None:
    results = [
        *(result(6, seed, steps=10, guidance=3) for seed in range(4)),
        *(result(7 + seed % 2, seed, steps=20, guidance=3, seconds=2.0) for seed in range(4)),
        *(result(0, seed, steps=20, guidance=9) for seed in range(9, 12)),  # nothing to pair with
    ]
    (steps,) = effects_of(results)
    assert steps.axis == "steps"
    assert steps.points.n == 4
    assert steps.verdict == "better"
    assert sentence(steps) == ("steps 10 to 20: +1.5 of 10 points (+0.6 to +2.4); cost x2.0.")


def test_a_wide_interval_is_not_clear_and_a_narrow_one_is_no_difference() -> None:
    noisy = [result(5 + (seed * 3) % 5, seed, scheduler="ddim") for seed in range(4)]
    other = [result(5 + (seed * 2) % 5, seed, scheduler="euler") for seed in range(4)]
    effect = only_effect([*noisy, *other])
    assert effect.verdict == "not clear"
    assert "scheduler euler instead of ddim: not clear (" in sentence(effect)
    same = only_effect([result(8, seed, steps=steps) for seed in range(3) for steps in (25, 50)])
    assert same.verdict == "no difference"
    assert sentence(same) == (
        "steps 25 to 50: no difference (+0.0 to +0.0 of 10 points); cost x2.0."
    )


def test_one_pair_proves_nothing_and_failed_cells_are_left_out() -> None:
    results = [result(6, 1, steps=10), result(9, 1, steps=20), result(None, 2, steps=20)]
    assert "which proves nothing" in sentence(only_effect(results))


def test_another_scheduler_is_timed_and_steps_are_counted() -> None:
    timed = [
        result(8, seed, scheduler=name, seconds=seconds)
        for seed in range(3)
        for name, seconds in (("ddim", 1.0), ("heun", 1.9))
    ]
    assert only_effect(timed).cost == pytest.approx(1.9)
    busy = [
        result(8, s, steps=n, seconds=n * (5 if n == 40 else 1)) for s in (1, 2) for n in (20, 40)
    ]
    assert only_effect(busy).cost == 2


def test_accepted_shares_are_reported_where_they_clearly_differ() -> None:
    results = [
        result(8, seed, accepted=accepted, strength=strength)
        for seed in range(6)
        for strength, accepted in ((0.35, True), (0.85, False))
    ]
    assert "accepted 0% instead of 100%" in sentence(only_effect(results))


def test_advice_wants_proof_against_the_views_own_settings() -> None:
    control = [result(6, seed, is_control=True, steps=20) for seed in range(6)]
    better = [result(8 + seed % 2, seed, steps=30) for seed in range(6)]
    lucky = [result(6 + 3 * (seed == 1), seed, steps=40) for seed in range(6)]
    found = advise([*control, *better, *lucky])
    assert found is not None
    assert found.chosen == {"steps": 30}
    kept = advise([*control, *lucky])
    assert kept is not None
    assert kept.chosen == kept.present == {"steps": 20}
    assert advise(better) is None


def test_cheaper_settings_are_advised_only_where_they_are_proved_no_worse() -> None:
    control = [result(8, seed, is_control=True, seconds=2.0, steps=50) for seed in range(6)]
    same = [result(8, seed, seconds=1.0, steps=25) for seed in range(6)]
    worse = [result(8 - (seed % 3 > 0), seed, seconds=0.5, steps=5) for seed in range(6)]
    unsound = [result(8, seed, accepted=False, seconds=0.1, steps=1) for seed in range(6)]
    found = advise([*control, *same, *worse, *unsound])
    assert found is not None
    assert found.chosen == {"steps": 25}
    assert "50% of the time" in found.why


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (
            {"steps": 25, "seed": 42},
            ["-steps = 20", "+steps = 25"],
        ),
        (
            {"scheduler": "euler", "guidance": 4},
            [
                '-scheduler = "ddim"   # the model\'s own',
                '+scheduler = "euler"   # the model\'s own',
                "+guidance = 4",
            ],
        ),
        ({"steps": 20, "method": "text2img"}, []),
        (
            {"method": "img2img", "strength": 0.35},
            ['+method = {name = "img2img", strength = 0.35}'],
        ),
        (
            {"model": "models/other"},
            ['-id = "models/own"', '-sha256 = "abc"', '+id = "models/other"'],
        ),
    ],
)
def test_the_diff_changes_what_was_chosen_and_keeps_comments(
    values: Mapping[str, Any], lines: list[str]
) -> None:
    diff = catalog_diff(CATALOG, "catalog.toml", "packshot", values)
    changed = [
        line
        for line in diff.splitlines()
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]
    assert changed == lines


def test_the_diff_keeps_to_the_views_edit_policy() -> None:
    with pytest.raises(ValidationError, match="edit_policy"):
        catalog_diff(CATALOG, "c", "packshot", {"method": "img2img", "strength": 0.85})


def test_the_sheet_shows_each_picture_at_its_place() -> None:
    results = [result(8, 1, steps=steps) for steps in (10, 20)] + [result(None, 2, steps=10)]
    (sheet,) = sheets_of(results)
    assert sheet.columns == (("steps 10",), ("steps 20",))
    assert [row.label for row in sheet.rows] == ["mug, seed 1", "mug, seed 2"]
    assert sheet.rows[1].results[1] is None

    def picture(shown: Result) -> Any:
        return np.full((32, 32, 3), shown.levels["steps"], np.uint8)

    pixels = np.asarray(Image.open(BytesIO(sheet_png([sheet], picture))))
    for steps in (10, 20):
        ys, xs = np.nonzero((pixels == steps).all(axis=2))
        assert (np.ptp(ys), np.ptp(xs)) == (31, 31)
