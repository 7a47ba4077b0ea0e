"""Trials: drawn and judged as a night would, and stored nowhere."""

import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from catalog_gen.errors import InputError
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.trial_process import State, TrialProcess
from catalog_gen.stages.trials import Trial, free_wish, trial_of, wish_of
from catalog_gen.web.desk import Desk
from tests.pipeline.shop import Shop
from tests.web.trying import ended

pytestmark = pytest.mark.slow


def trial(desk: Desk, product: str, view: str, **changes: object) -> Trial:
    with desk.catalog.store.reading() as connection:
        wish = wish_of(connection, product, view)
    settings = desk.catalog.settings.views[view]
    return trial_of(desk.drawer, wish, settings.model_copy(update=changes))


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png))).astype(int)


@pytest.mark.parametrize("view", ["packshot", "refreshed"])
def test_an_unchanged_trial_is_the_nights_picture_and_verdict(
    desk: Desk, shop: Shop, view: str
) -> None:
    chosen = trial(desk, "sku-2", view)
    state = ended(desk.trials, desk.trials.begin(chosen))
    tried = state.tried
    assert state.step == "done", state.error
    assert tried is not None
    assert not tried.problem
    image = chosen.recipe.recipe_id
    stored = shop.png(image)
    # Drawn alone instead of in a batch: the last bits may differ.
    assert np.abs(pixels(stored) - pixels(tried.png)).max() <= 1
    ((decision, total, criteria, similarity, margin),) = shop.query(
        f"""SELECT rubric_decision, total, criteria, similarity, margin FROM lineage
        WHERE image_id = '{image}'"""
    )
    assert tried.verdict is not None
    assert tried.score is not None
    assert (tried.verdict.decision, tried.verdict.total) == (decision, total)
    assert tried.verdict.criteria == criteria
    assert tried.score.similarity == pytest.approx(similarity, abs=1e-3)
    assert tried.score.margin == pytest.approx(margin, abs=1e-3)


def test_nothing_of_a_trial_is_stored(desk: Desk, shop: Shop) -> None:
    before = shop.query("SELECT count(*) FROM recipes"), shop.query("SELECT count(*) FROM images")
    wish = free_wish("a yellow submarine")
    chosen = trial_of(desk.drawer, wish, ViewSettings(template="x", steps=2, width=32, height=32))
    state = ended(desk.trials, desk.trials.begin(chosen))
    assert state.tried is not None
    assert state.tried.verdict is not None, state.tried.problem
    after = shop.query("SELECT count(*) FROM recipes"), shop.query("SELECT count(*) FROM images")
    assert after == before
    assert not shop.catalog.outbox.pending()


def drawing(trials: TrialProcess, number: int) -> State:
    """The first state in which it is drawn."""
    while (state := trials.state(number)).step != "drawing":
        assert not state.ended, state.error
        time.sleep(0.005)
    return state


def test_a_trial_shows_its_steps_and_stops_between_them(desk: Desk) -> None:
    long = trial(desk, "sku-1", "packshot", steps=400)
    number, after = desk.trials.begin(long), desk.trials.begin(trial(desk, "sku-1", "packshot"))
    seen: set[float] = set()
    while len(seen) < 3:
        seen.add(drawing(desk.trials, number).share)
    desk.trials.stop(number)
    assert ended(desk.trials, number).step == "stopped"
    assert max(seen) < 1
    assert ended(desk.trials, after).step == "done"  # the process goes on with the next


def test_what_can_not_be_drawn_is_refused_before_it_is_tried(desk: Desk) -> None:
    with desk.catalog.store.reading() as connection:
        with pytest.raises(InputError, match="no such wish"):
            wish_of(connection, "sku-3", "refreshed")
        wish = wish_of(connection, "sku-3", "packshot")
    photo = desk.catalog.settings.views["refreshed"]
    with pytest.raises(InputError, match="needs a photo"):
        trial_of(desk.drawer, wish, photo)
    with pytest.raises(InputError, match="scheduler"):
        trial_of(desk.drawer, wish, ViewSettings(template="x", scheduler="other"))


def test_a_process_that_dies_fails_its_trial_and_the_next_one_starts_another(desk: Desk) -> None:
    number = desk.trials.begin(trial(desk, "sku-1", "packshot", steps=400))
    drawing(desk.trials, number)
    pid = desk.trials.pid
    desk.trials.close()
    state = ended(desk.trials, number)
    assert state.step == "failed"
    assert "the process that drew it ended" in state.error
    assert desk.trials.begin(trial(desk, "sku-1", "packshot")) > number
    assert desk.trials.pid != pid
