"""Reasons that a merchant understands, and budgets that go to the most valuable pictures first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.cli.budget import parse_budget
from catalog_gen.errors import InputError
from catalog_gen.planning import (
    NO_LIMIT,
    UNMEASURED_SECONDS,
    Budget,
    Change,
    Costed,
    Pace,
    Reason,
    reason_for,
    recipes_for,
    within_budget,
)
from catalog_gen.settings.views import ViewSettings

SPEC = {"template": "t1", "model": "m1", "settings": "s1"}
RED = {"title": "Mug", "colour": "red"}
BLUE = {"title": "Mug", "colour": "blue"}


def test_a_product_never_asked_for_is_new() -> None:
    assert reason_for(RED, SPEC, None, None) == Reason("new")


def test_a_changed_field_is_reported_with_its_old_and_new_value() -> None:
    reason = reason_for(BLUE, SPEC, RED, SPEC)
    assert reason == Reason("changed: colour", (Change("colour", "red", "blue"),))


def test_several_changed_fields_are_all_reported() -> None:
    reason = reason_for({"title": "Cup", "colour": "blue"}, SPEC, RED, SPEC)
    assert reason.name == "changed: colour, title"


def test_a_new_model_outranks_a_new_template() -> None:
    new = {"template": "t2", "model": "m2", "settings": "s1"}
    assert reason_for(BLUE, new, RED, SPEC).name == "model"
    assert reason_for(BLUE, {**SPEC, "template": "t2"}, RED, SPEC).name == "template"
    assert reason_for(BLUE, {**SPEC, "settings": "s2"}, RED, SPEC).name == "settings"


def test_candidates_differ_only_in_their_seeds() -> None:
    view = ViewSettings(template="x", candidates=3)
    recipes = recipes_for(
        view,
        form="a mug",
        prompt="one red mug",
        negative_prompt="",
        model_hash="m",
        reference_sha256=None,
    )
    assert len({recipe.seed for recipe in recipes}) == 3
    assert len({recipe.model_copy(update={"seed": 0}).recipe_id for recipe in recipes}) == 1


def test_another_colour_of_one_form_has_its_seeds_and_so_its_composition() -> None:
    view = ViewSettings(template="x")
    red, blue = (
        recipes_for(
            view,
            form="a mug",
            prompt=f"one {colour} mug",
            negative_prompt="",
            model_hash="m",
            reference_sha256=None,
        )[0]
        for colour in ("red", "blue")
    )
    assert red.seed == blue.seed
    assert red.recipe_id != blue.recipe_id


def costed(reasons: list[str], seconds: float = 1.0) -> list[Costed]:
    return [Costed(reason, seconds) for reason in reasons]


def test_a_budget_takes_new_products_first_then_changed_ones() -> None:
    items = costed(["failed", "template", "changed: colour", "new", "new"])
    assert within_budget(items, Budget(images=3)).taken == (2, 3, 4)
    assert within_budget(items, Budget(images=3)).deferred == (0, 1)


def test_a_budget_in_seconds_ends_with_the_first_that_does_not_fit() -> None:
    items = [Costed("failed", 0.1), Costed("new", 5.0), Costed("changed: title", 20.0)]
    assert within_budget(items, Budget(seconds=10)).taken == (1,)
    assert within_budget(items, Budget(seconds=26)).taken == (0, 1, 2)
    assert within_budget(items, Budget(images=1, seconds=26)).taken == (1,)
    assert within_budget(costed(["new"] * 5, 0.1), Budget(seconds=0.3)).taken == (0, 1, 2)


@given(st.lists(st.sampled_from(["new", "changed: title", "model", "failed"])), st.integers(0, 20))
def test_a_budget_loses_nothing(reasons: list[str], budget: int) -> None:
    items = costed(reasons, 2.0)
    for limit in (Budget(images=budget), Budget(seconds=2.0 * budget)):
        cut = within_budget(items, limit)
        assert sorted(cut.taken + cut.deferred) == list(range(len(reasons)))
        assert len(cut.taken) == min(budget, len(reasons))
    assert within_budget(items, NO_LIMIT).deferred == ()


def test_seconds_are_measured_or_scaled_from_other_views() -> None:
    view = ViewSettings(template="x")  # 128 x 128, 20 steps
    pace = Pace({("packshot", view.settings_hash, "m"): 0.5}, 0.5 / (128 * 128 * 20))
    assert pace.seconds("packshot", view, "m") == 0.5
    assert pace.seconds("packshot", view, "other") == pytest.approx(0.5)
    larger = view.model_copy(update={"width": 256, "height": 256, "steps": 40})
    assert pace.seconds("packshot", larger, "m") == pytest.approx(4.0)
    assert Pace({}, None).seconds("packshot", view, "m") == UNMEASURED_SECONDS


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("200", Budget(images=200)),
        ("0", Budget(images=0)),
        ("90s", Budget(seconds=90)),
        ("1.5h", Budget(seconds=5400)),
        (" 30 m ", Budget(seconds=1800)),
    ],
)
def test_budgets_as_people_type_them(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "-1", "1.5", "two", "9d", "\u0665"])
def test_invalid_budgets_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--budget"):
        parse_budget(text)
