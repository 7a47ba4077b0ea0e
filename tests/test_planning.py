"""Reasons that a merchant understands, and budgets that spend on what is worth most."""

from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.planning import Change, Reason, reason_for, recipes_for, within_budget
from catalog_gen.settings import ViewSettings

SPEC = {"template": "t1", "model": "m1", "settings": "s1"}
RED = {"title": "Mug", "colour": "red"}
BLUE = {"title": "Mug", "colour": "blue"}


def test_a_product_never_asked_for_is_new() -> None:
    assert reason_for(RED, SPEC, None, None) == Reason("new")


def test_a_changed_field_is_told_with_its_old_and_new_value() -> None:
    reason = reason_for(BLUE, SPEC, RED, SPEC)
    assert reason == Reason("changed: colour", (Change("colour", "red", "blue"),))


def test_several_changed_fields_are_all_told() -> None:
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
        "packshot",
        view,
        product_id="sku-1",
        prompt="one red mug",
        negative_prompt="",
        model_hash="m",
        reference_sha256=None,
    )
    assert len({recipe.seed for recipe in recipes}) == 3
    assert len({recipe.model_copy(update={"seed": 0}).recipe_id for recipe in recipes}) == 1


def test_a_new_colour_keeps_the_seed_and_so_the_composition() -> None:
    view = ViewSettings(template="x")
    red, blue = (
        recipes_for(
            "packshot",
            view,
            product_id="sku-1",
            prompt=f"one {colour} mug",
            negative_prompt="",
            model_hash="m",
            reference_sha256=None,
        )[0]
        for colour in ("red", "blue")
    )
    assert red.seed == blue.seed
    assert red.recipe_id != blue.recipe_id


def test_a_budget_takes_new_products_first_then_changed_ones() -> None:
    reasons = ["failed", "template", "changed: colour", "new", "new"]
    assert within_budget(reasons, 3).taken == (2, 3, 4)
    assert within_budget(reasons, 3).deferred == (0, 1)


@given(st.lists(st.sampled_from(["new", "changed: title", "model", "failed"])), st.integers(0, 20))
def test_a_budget_loses_nothing(reasons: list[str], budget: int) -> None:
    cut = within_budget(reasons, budget)
    assert sorted(cut.taken + cut.deferred) == list(range(len(reasons)))
    assert len(cut.taken) == min(budget, len(reasons))
    assert within_budget(reasons, None).deferred == ()
