"""Axes, conditions and the recipes of cells."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.errors import ConfigError
from catalog_gen.experiments.definition import Grid, level_text, load_experiment
from catalog_gen.experiments.grid import cells_of
from catalog_gen.experiments.ranges import numbers_of
from catalog_gen.experiments.recipes import recipe_of, usual_values
from catalog_gen.recipe import Recipe

RECIPE = Recipe.model_validate(
    {
        "method": "text2img",
        "model_hash": "a" * 64,
        "prompt": "photo of a mug, studio lighting",
        "negative_prompt": "",
        "seed": 7,
        "scheduler": "ddim",
        "steps": 20,
        "guidance": 3.0,
        "width": 128,
        "height": 128,
    }
)


def cells(**grid: Any) -> list[dict[str, Any]]:
    """The levels of a grid's cells over one mug, without controls."""
    made = Grid.model_validate({"prompts": {"mug": "a mug"}, "control": False, **grid})
    found = cells_of("g", made, ["mug"], {"mug": usual_values(RECIPE)})
    return [dict(each.levels) for each in found]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("15..50 step 5", (15, 20, 25, 30, 35, 40, 45, 50)),
        ("42..45", (42, 43, 44, 45)),
        ("0.1..0.3 step 0.1", (0.1, 0.2, 0.3)),
        ("1..10 step 4", (1, 5, 9)),
        ("-1..1", (-1, 0, 1)),
    ],
)
def test_ranges(text: str, numbers: tuple[float, ...]) -> None:
    assert numbers_of(text) == numbers
    assert [type(each) for each in numbers_of(text)] == [type(each) for each in numbers]


@given(st.integers(0, 500), st.integers(0, 400), st.integers(1, 50))
def test_a_range_is_evenly_spaced_and_ends_within_a_step_of_its_end(
    first: int, length: int, step: int
) -> None:
    numbers = numbers_of(f"{first}..{first + length} step {step}")
    assert numbers == tuple(range(first, first + length + 1, step))


@pytest.mark.parametrize("text", ["50..15", "1..2 step 0", "1..5000", "1...3", "all"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text[:3]):
        numbers_of(text)


def test_a_grid_has_every_combination_and_conditions_skip_some() -> None:
    axes = {"steps": "10..20 step 10", "scheduler": ["ddim", "euler"]}
    assert len(cells(axes=axes)) == 4
    assert cells(axes=axes, only=["steps < 20 or scheduler == 'ddim'"]) == [
        {"steps": 10, "scheduler": "ddim"},
        {"steps": 10, "scheduler": "euler"},
        {"steps": 20, "scheduler": "ddim"},
    ]
    assert cells(axes=axes, only=["width * height > 99"], base={"width": 64}) == cells(axes=axes)


def test_one_change_each_counts_from_the_base_and_not_the_seeds() -> None:
    found = cells(
        changes=1,
        base={"steps": 30, "guidance": 7.5},
        axes={"steps": [15, 30], "guidance": [4, 7.5], "seed": "1..2"},
    )
    assert {(each["steps"], each["guidance"]) for each in found} == {(30, 7.5), (15, 7.5), (30, 4)}
    assert len(found) == 6


def test_controls_have_the_views_own_values_and_the_grids_seeds() -> None:
    grid = Grid.model_validate(
        {"prompts": {"mug": "x"}, "base": {"guidance": 7}, "axes": {"steps": [5], "seed": "1..2"}}
    )
    found = cells_of("g", grid, ["mug"], {"mug": usual_values(RECIPE)})
    controls = [each for each in found if each.is_control]
    assert [dict(each.levels) for each in controls] == [
        {"steps": 20, "seed": seed, "guidance": 3.0} for seed in (1, 2)
    ]
    assert [recipe_of("g", RECIPE, each.values).steps for each in controls] == [20, 20]


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("stepz < 3", "'stepz' is undefined"),
        ("steps <", "can't be evaluated"),
        ("steps > 99", "no"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(only: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        cells(axes={"steps": [1]}, only=[only])


def test_a_cell_takes_fields_parameters_and_words() -> None:
    changed = recipe_of(
        "g",
        RECIPE,
        {"method": "img2img", "strength": 0.35, "words": {"studio lighting": "soft daylight"}},
    )
    assert changed.method.parameters == {"strength": 0.35}
    assert changed.prompt == "photo of a mug, soft daylight"
    assert changed.seed == RECIPE.seed
    assert recipe_of("g", RECIPE, {}).recipe_id == RECIPE.recipe_id


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"guidence": 3}, "did you mean guidance"),
        ({"steps": 0}, "steps"),
        ({"method": "img2img"}, "strength"),
        ({"words": {"moonlight": "sun"}}, "does not have them"),
    ],
)
def test_values_that_no_recipe_has_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        recipe_of("grids.g", RECIPE, values)


def test_a_file_is_refused_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[grids.a]\nprompts = { x = "y" }\n[grids.a.axes]\nsteps = "50..15"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"line 4, grids.a.axes.steps: .*ends below its start"):
        load_experiment(file)
    file.write_text("[grids.a]\naxes = { steps = 3 }\n", "utf-8")
    with pytest.raises(ConfigError, match="names nothing to draw"):
        load_experiment(file)


def test_levels_are_put_in_words() -> None:
    levels: list[Any] = [
        7.5,
        15,
        "ddim",
        {"name": "img2img", "strength": 0.35},
        {"oak": "pine"},
        {},
    ]
    assert [level_text(each) for each in levels] == [
        *("7.5", "15", "ddim", "img2img, strength 0.35", "pine for oak", "as written")
    ]
