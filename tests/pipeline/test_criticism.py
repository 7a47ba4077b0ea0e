"""A critic that comes, changes and doubts: stored pictures are scored again, others drawn."""

from pathlib import Path

import numpy as np
import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.judging.critics.denoiser import DenoiserFeatures, save_critic
from catalog_gen.judging.probe import Probe
from catalog_gen.stages.learning import learn_from_reviews
from catalog_gen.stages.plan import ScoredAgain, make_plan
from tests.pipeline.shop import Shop, open_shop
from tests.tiny_critics import tiny_preference

SCORED = "SELECT image_id, scored_at, run_id FROM scores ORDER BY ALL"
PICTURES = "SELECT image_id, sha256 FROM images ORDER BY ALL"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def with_critic(shop: Shop, lines: str) -> None:
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("[feed]", f"[critic]\n{lines}\n[feed]"), "utf-8")


def doubting(shop: Shop, soundness: float) -> None:
    """A critic that says the same of every picture."""
    model = Path(shop.catalog.settings.model.id)
    weights = shop.folder / "critic.safetensors"
    features = DenoiserFeatures(model)
    count = features.of([np.zeros((32, 32, 3), np.uint8)], ["a"]).shape[1]
    wrong = Probe(np.zeros(count), float(np.log((1 - soundness) / soundness)))
    save_critic(weights, wrong, features.denoiser_hash(), 1)


def test_a_new_or_changed_critic_rescores_stored_pictures_and_draws_nothing(shop: Shop) -> None:
    shop.night("first")
    drawn, scored = shop.query(PICTURES), shop.query(SCORED)
    assert make_plan(shop.catalog).scored_again == ScoredAgain(0, ())

    folder = tiny_preference(shop.folder / "preference")
    with_critic(shop, f'kind = "preference"\nid = "{folder}"')
    assert make_plan(shop.catalog).scored_again == ScoredAgain(len(drawn), ("critic",))
    night = shop.night("second")
    assert (night["planned"], night["generated"]) == (0, 0)
    assert shop.query(PICTURES) == drawn
    again = shop.query(SCORED)
    assert {run for *_, run in again} == {"second"}
    assert len(again) == len(scored)
    preferred = shop.query("SELECT image_id, preference, run_id FROM verdicts ORDER BY ALL")
    assert all(isinstance(value, float) and run == "second" for _, value, run in preferred)
    # Of two candidates with one total the preferred one is live.
    assert shop.query(
        """
        SELECT count(*) FROM live_images JOIN verdicts USING (image_id) JOIN ledger
            ON recipe_id = image_id
        WHERE preference < (
            SELECT max(other.preference) FROM verdicts AS other
            JOIN ledger AS beside ON beside.recipe_id = other.image_id
            WHERE beside.look_id = ledger.look_id AND other.total = verdicts.total
        )
        """
    ) == [(0,)]

    shop.night("third")
    assert shop.query(SCORED) == again

    tiny_preference(folder, seed=1)
    assert make_plan(shop.catalog).scored_again == ScoredAgain(len(drawn), ("critic",))
    shop.night("fourth")
    assert {run for *_, run in shop.query(SCORED)} == {"fourth"}
    assert shop.query("SELECT image_id, preference, run_id FROM verdicts ORDER BY ALL") != preferred


@pytest.mark.slow
def test_a_doubtful_form_gets_more_candidates_within_the_budget(shop: Shop) -> None:
    doubting(shop, 0.55)
    with_critic(shop, f'id = "{shop.catalog.settings.model.id}"\nweights = "critic.safetensors"')
    shop.night("first")
    with pytest.raises(ConfigError, match="would never be asked"):
        learn_from_reviews(shop.catalog, shop.scorer.scorer_hash)
    assert shop.query("SELECT DISTINCT soundness, rubric_decision FROM lineage") == [
        (0.55, "accepted")
    ]
    plan = make_plan(shop.catalog)
    assert [each.reason for each in plan.items] == ["doubtful: other seeds"] * 6
    few = shop.night("second", budget=4)
    assert (few["planned"], few["deferred"], few["live"]) == (4, 2, 3)
    # Two looks were drawn and climb on; the third one's candidates were put off.
    assert shop.night("third")["generated"] == 4 + 2
    assert shop.night("fourth")["generated"] == 2
    assert shop.night("fifth")["generated"] == 0
    assert shop.query("SELECT DISTINCT attempt, drawn_because FROM lineage ORDER BY ALL") == [
        (0, "new"),
        (1, "doubtful: other seeds"),
        (2, "doubtful: other seeds, stronger negative prompt"),
    ]


def test_a_sound_form_is_not_retried_and_a_new_probe_judges_again(shop: Shop) -> None:
    doubting(shop, 0.9)
    with_critic(shop, f'id = "{shop.catalog.settings.model.id}"\nweights = "critic.safetensors"')
    shop.night("first")
    assert shop.night("second")["generated"] == 0
    doubting(shop, 0.3)
    assert make_plan(shop.catalog).scored_again == ScoredAgain(6, ("critic",))
    shop.night("third")
    assert shop.query("SELECT DISTINCT soundness FROM verdicts") == [(0.3,)]
