"""The pages, run without a browser, over a shop whose pictures wait for a person."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.settings.views import ViewSettings
from catalog_gen.store.connection import Store
from catalog_gen.toml_file import load_toml
from catalog_gen.web.desk import Desk, open_desk
from catalog_gen.web.serve import SCRIPT
from tests.pipeline.shop import Shop
from tests.tiny_clip import write_tiny_clip
from tests.web.trying import ended

PAGE = """
from catalog_gen.web import {name}
from catalog_gen.web.parts import errors_shown

with errors_shown():
    {name}.page()
"""
WAITING = "SELECT count(*) FROM lineage WHERE decision = 'review'"


def opened(name: str, **address: str) -> AppTest:
    """A session of its own on one page."""
    page = AppTest.from_string(PAGE.format(name=name), default_timeout=30)
    page.query_params |= address
    return ran(page)


def ran(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].stack_trace
    return page


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [each for each in page.button if each.label == label]
    button.click()
    return ran(page)


def texts(page: AppTest) -> str:
    return "\n".join(
        str(each.value) for kind in ("markdown", "caption", "error") for each in page.get(kind)
    )


def named(page: AppTest, person: str) -> AppTest:
    page.text_input(key="who").set_value(person)
    return ran(page)


def reviews(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("SELECT decision, reviewer, note FROM reviews ORDER BY seq")


@pytest.fixture
def undecided(desk: Desk, shop: Shop) -> Desk:
    """No decision yet."""
    with desk.catalog.store.writing() as connection:
        connection.execute("DELETE FROM reviews")
    return desk


def test_the_frame_leads_to_every_page(desk: Desk, shop: Shop) -> None:
    page = ran(AppTest.from_file(SCRIPT, default_timeout=30))
    figures = {each.label: each.value for each in page.metric}
    ((waiting,),) = shop.query(WAITING)
    assert figures["Products"] == "3"
    assert figures["Waiting for a person"] == str(waiting)


def test_decisions_notes_skips_and_what_is_taken_back(undecided: Desk, shop: Shop) -> None:
    page = named(opened("review"), "Ana")
    press(page, "Accept")
    page.text_input[1].set_value("two handles")
    press(ran(page), "Artifacts")
    assert reviews(shop) == [
        ("accepted", "Ana", ""),
        ("rejected", "Ana", "Artifacts: two handles"),
    ]
    press(page, "Undo")
    press(page, "Skip")
    assert reviews(shop) == [("accepted", "Ana", "")]
    left = {each for (each,) in shop.query("SELECT image_id FROM lineage WHERE decision='review'")}
    for _ in left:
        press(page, "Reject")
    assert [each.value for each in page.success] == ["Nothing waits for a person."]
    decided = shop.query("SELECT count(DISTINCT image_id) FROM reviews")
    assert decided == [(len(left) + 1,)]


def test_two_people_are_shown_different_pictures_and_lose_no_decision(
    undecided: Desk, shop: Shop
) -> None:
    ana, ben = named(opened("review"), "Ana"), named(opened("review"), "Ben")
    for _ in range(2):
        press(ana, "Accept")
        press(ben, "Reject")
    ((waiting,),) = shop.query(WAITING)
    rows = shop.query("SELECT count(*), count(DISTINCT image_id) FROM reviews")
    assert rows == [(4, 4)]  # none twice, none lost
    assert len(reviews(shop)) + waiting == len(shop.query("SELECT image_id FROM images"))


def test_a_picture_that_was_decided_elsewhere_is_not_asked_again(
    undecided: Desk, shop: Shop
) -> None:
    page = opened("review")
    first = page.session_state["sitting"].queue[0].image_id
    with desk_store(undecided).writing() as connection:
        connection.execute(
            "INSERT INTO reviews BY NAME SELECT ? AS image_id, 'rejected' AS decision, "
            "'Zoe' AS reviewer, '' AS note, now() AS reviewed_at",
            [first],
        )
    ran(page)
    assert page.session_state["sitting"].queue[0].image_id != first


def desk_store(desk: Desk) -> Store:
    return desk.catalog.store


def test_a_decision_that_can_not_be_stored_is_reported_and_the_picture_stays(
    undecided: Desk, shop: Shop
) -> None:
    page = named(opened("review"), " ")
    first = page.session_state["sitting"].queue[0]
    press(page, "Accept")
    assert "Give your name" in texts(page)
    assert page.session_state["sitting"].queue[0] == first
    assert reviews(shop) == []


def test_the_curve_says_how_many_labels_are_missing(undecided: Desk, shop: Shop) -> None:
    page = named(opened("review"), "Ana")
    press(page, "Accept")
    page.toggle(key="curve").set_value(True)
    ran(page)
    assert "About 60 labels are needed" in "\n".join(str(each.value) for each in page.markdown)


@pytest.mark.slow
def test_a_try_shows_picture_verdict_and_recipe_and_can_be_copied_and_kept(
    desk: Desk, shop: Shop
) -> None:
    page = opened("trying", product="sku-2", view="packshot")
    assert page.number_input(key="try:sku-2:packshot:steps").value == 2
    assert "Allowed: 1 to 1000" in page.number_input(key="try:sku-2:packshot:steps").help
    page.number_input(key="try:sku-2:packshot:steps").set_value(3)
    press(page, "Draw")
    state = ended(desk.trials, page.session_state["trial"])
    ran(page)
    assert state.tried is not None, state.error
    recipe = state.tried.trial.recipe
    view, command, as_json = (each.value for each in page.code)
    assert json.loads(as_json) == recipe.chosen()
    assert recipe.canonical in command
    path = shop.folder / "tried.toml"
    path.write_text(re.sub(r"\[views\.tried\]", "", view), "utf-8")
    assert load_toml(path, ViewSettings, "view").steps == 3
    assert "review" in " ".join(texts(page).split())
    press(page, "Keep")
    (kept,) = shop.home.trials.glob("*.json")
    assert json.loads(kept.read_text())["image_id"] == recipe.recipe_id
    assert shop.query(f"FROM images WHERE image_id = '{recipe.recipe_id}'") == []


def test_what_a_method_needs_is_asked_for(desk: Desk) -> None:
    page = opened("trying", product="sku-2", view="refreshed")
    assert page.number_input(key="try:sku-2:refreshed:img2img:strength").max == 1
    page.number_input(key="try:sku-2:refreshed:img2img:strength").set_value(0.9)
    ran(page)
    assert "edit_policy 'cosmetic' allows 0.4" in texts(page).replace("\\", "")
    assert not [each for each in page.button if each.label == "Draw"]


def test_the_catalog_is_searched_from_its_address(desk: Desk, shop: Shop) -> None:
    page = opened("catalog", words="blue", **{"in": "packshot"})
    assert "2 pictures, 1 to 2 shown" in texts(page)
    page.text_input(key="words").set_value("no such thing")
    assert "0 pictures" in texts(ran(page))
    ((seed, image),) = shop.query("SELECT seed, image_id FROM lineage LIMIT 1")
    assert "1 pictures" in texts(opened("catalog", seed=str(seed)))
    assert "6 to" not in texts(opened("catalog", like=str(image)))


def test_the_catalog_is_searched_by_meaning(desk: Desk, shop: Shop) -> None:
    page = opened("catalog", shows="a blue mug")
    assert "the most similar first" in texts(page)
    (text,) = shop.scorer.embed_texts(["a blue mug"])
    embeddings = shop.query("SELECT image_id, embedding FROM scores")
    nearest = sorted(embeddings, key=lambda row: -float(np.dot(np.array(row[1]), text)))
    listed = [str(each.key) for each in page.button if str(each.key).startswith("open:")]
    assert listed == [f"open:{image_id}" for image_id, _ in nearest]

    page.button(key=listed[0]).click()
    press(ran(page), "More like this")
    assert page.query_params["like"] == str(nearest[0][0])
    assert "shows" not in page.query_params
    page.text_input(key="shows").set_value("a red mug")
    assert "like" not in ran(page).query_params


def test_pictures_that_were_never_scored_are_not_searched_by_meaning(
    desk: Desk, shop: Shop, tmp_path: Path
) -> None:
    other = write_tiny_clip(tmp_path / "clip", seed=5)
    settings = shop.catalog.settings.model_copy(update={"scorer": ScorerSettings(id=other)})
    with open_desk(replace(desk.catalog, settings=settings), desk.config):
        page = opened("catalog", shows="a blue mug")
    assert "has seen none of the" in texts(page)
    assert "the most similar first" not in texts(page)


def test_one_picture_has_its_history_and_can_be_restored(undecided: Desk, shop: Shop) -> None:
    ((image,),) = shop.query("SELECT image_id FROM lineage WHERE product_id = 'sku-1' LIMIT 1")
    page = opened("catalog", image=str(image))
    shown = texts(page)
    assert "first in the feed" in shown
    assert "drawn" in shown or "review, 10 of 10" in shown
    press(page, "Restore")
    assert [row[0] for row in reviews(shop)] == ["accepted"]
    assert [each.value for each in page.success] == ["It goes live with the next refresh."]
