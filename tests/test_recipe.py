"""Identities are stored for years: they must not drift, and must separate what differs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from catalog_gen.fingerprint import canonical_json, sha256_json, shard_of
from catalog_gen.recipe import Environment, Recipe, candidate_seed

RECIPE = Recipe(
    method="text2img",
    model_hash="a" * 64,
    prompt="product photo of one matte red mug",
    negative_prompt="",
    seed=7,
    scheduler="ddim",
    steps=20,
    guidance=3.0,
    width=128,
    height=128,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)


def test_the_identity_of_a_known_recipe_never_changes() -> None:
    """If this fails, every stored image has lost its recipe: add a recipe version instead."""
    assert RECIPE.recipe_id == "6f64ba1763d068dcb74e933790fec0f1842fc32c587ad6dfa5e65ac794b119f1"


@given(st.text(), st.integers(0, 2**63 - 1), st.integers(1, 1000), st.floats(0, 50))
def test_a_recipe_survives_json(prompt: str, seed: int, steps: int, guidance: float) -> None:
    recipe = RECIPE.model_copy(
        update={"prompt": prompt, "seed": seed, "steps": steps, "guidance": guidance}
    )
    again = Recipe.model_validate_json(recipe.canonical)
    assert again == recipe
    assert again.recipe_id == recipe.recipe_id


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "product photo of one matte blue mug"},
        {"negative_prompt": "blurry"},
        {"seed": 8},
        {"model_hash": "b" * 64},
        {"scheduler": "euler"},
        {"guidance": 3.5},
        {"width": 64},
    ],
)
def test_everything_that_determines_pixels_changes_the_identity(change: dict[str, object]) -> None:
    assert RECIPE.model_copy(update=change).recipe_id != RECIPE.recipe_id


def test_a_recipe_is_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        RECIPE.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Recipe.model_validate({**RECIPE.model_dump(), "sampler": "magic"})


@given(json_values)
def test_canonical_json_keeps_the_value_and_forgets_the_order(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers()))
def test_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert sha256_json(value) == sha256_json(dict(reversed(value.items())))


def test_shards_are_even_and_fixed() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[shard_of(f"sku-{number}")] += 1
    assert min(counts) > 850
    assert max(counts) < 1150
    assert shard_of("sku-1") == 15


@given(st.text(), st.integers(0, 63), st.integers(0, 9))
def test_seeds_fit_a_bigint_and_depend_on_every_part(
    form: str, candidate: int, attempt: int
) -> None:
    seed = candidate_seed(form, candidate, attempt)
    assert 0 <= seed < 2**63
    assert seed != candidate_seed(form + "x", candidate, attempt)
    assert seed != candidate_seed(form, candidate + 1, attempt)
    assert seed != candidate_seed(form, candidate, attempt + 1)


def test_environments_list_their_differences() -> None:
    mine = Environment(
        device="cpu",
        dtype="fp32",
        batch_size=8,
        threads=2,
        compiled=False,
        platform="linux-x86_64",
        libraries={"torch": "2.15.0", "diffusers": "0.42.1"},
    )
    other = mine.model_copy(update={"threads": 4, "libraries": {"torch": "2.16.0"}})
    assert mine.differences(mine) == []
    assert mine.differences(other) == [
        "libraries.diffusers: 0.42.1 -> None",
        "libraries.torch: 2.15.0 -> 2.16.0",
        "threads: 2 -> 4",
    ]


def test_a_picture_from_a_photo_costs_the_steps_that_are_drawn() -> None:
    edit = {"method": {"name": "img2img", "strength": 0.25}, "reference_sha256": "b" * 64}
    from_photo = Recipe.model_validate(RECIPE.chosen() | edit)
    assert RECIPE.work == 128 * 128 * 20
    assert from_photo.work == RECIPE.work / 4
