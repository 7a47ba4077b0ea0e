"""A critic learned from a shop's reviews: what it learns, and how the rubric refers to it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.rubric import CriticRecord, load_rubric
from catalog_gen.judging.rubric_file import write_critic
from catalog_gen.judging.shop_critic import Reviewed, learn, load_shop_critic

RUBRIC = Path(__file__).parents[2] / "data" / "rubric.toml"
SCORER = "ab" * 32


def reviews(count: int, seed: int = 0) -> list[Reviewed]:
    """Reviews of a shop that rejects one direction of the embedding, and thin edges."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        embedding = chance.normal(0, 1, 16).astype(np.float32)
        width = float(chance.normal(3, 1))
        seen = {"edge_width": None if number % 5 == 0 else width, "noise": 1.0}
        rejected = embedding[0] + (width - 3) + chance.normal(0, 0.3) > 0.8
        found.append(
            Reviewed(f"i{number}", f"p{number % 90}", embedding, Signals(seen), bool(rejected))
        )
    return found


def record_of(weights: Path) -> CriticRecord:
    return CriticRecord(
        weights=weights.name,
        sha256=sha256_file(weights),
        found_on=date(2026, 11, 25),
        labels=200,
        rejected=60,
        reviews="0" * 64,
        auroc=0.9,
    )


def test_it_ranks_rejected_pictures_below_accepted_ones() -> None:
    lesson = learn(reviews(300))
    assert 0.8 < lesson.auroc < 0.99
    unseen = reviews(200, seed=1)
    sound = np.array([lesson.critic.soundness(each.embedding, each.signals) for each in unseen])
    rejected = np.array([each.rejected for each in unseen])
    assert np.median(sound[~rejected]) > 0.8
    assert np.median(sound[rejected]) < 0.5
    assert ((sound >= 0) & (sound <= 1)).all()


def test_verdicts_without_a_pattern_teach_a_coin() -> None:
    chance = np.random.default_rng(3)
    rows = [replace(each, rejected=bool(chance.random() < 0.3)) for each in reviews(300)]
    assert learn(rows).auroc == pytest.approx(0.5, abs=0.12)


def test_the_rubric_names_the_critic_and_no_other_file_will_do(tmp_path: Path) -> None:
    rubric = tmp_path / "rubric.toml"
    rubric.write_bytes(RUBRIC.read_bytes())
    before = load_rubric(rubric)
    critic = learn(reviews(200)).critic
    weights = tmp_path / "critic.safetensors"
    critic.save(weights)
    record = record_of(weights)
    write_critic(rubric, SCORER, record)
    after = load_rubric(rubric)
    assert after.section(SCORER).critic == record
    assert not after.section(SCORER).calibrated
    assert after.rubric_hash(SCORER) != before.rubric_hash(SCORER)
    assert after.rubric_hash("another") == before.rubric_hash("another")

    kept = load_shop_critic(rubric, record)
    (picture,) = reviews(1, seed=5)
    expected = critic.soundness(picture.embedding, picture.signals)
    assert kept.soundness(picture.embedding, picture.signals) == pytest.approx(expected, abs=1e-3)
    learn(reviews(200, seed=9)).critic.save(weights)
    with pytest.raises(ConfigError, match="calibrate --critic"):
        load_shop_critic(rubric, record)


def test_its_probabilities_come_true_on_other_products() -> None:
    lesson, unseen = learn(reviews(400)), reviews(2000, seed=1)
    sound = np.array([lesson.critic.soundness(each.embedding, each.signals) for each in unseen])
    accepted = np.array([not each.rejected for each in unseen])
    for low in (0.1, 0.3, 0.5, 0.7, 0.9):
        near = abs(sound - low) <= 0.1
        assert accepted[near].mean() == pytest.approx(sound[near].mean(), abs=0.12)


def test_a_lesson_names_the_reviews_that_it_rests_on() -> None:
    rows = reviews(200)
    first = learn(rows).reviews
    assert learn(rows[::-1]).reviews == first
    other = [replace(rows[0], rejected=not rows[0].rejected), *rows[1:]]
    assert learn(other).reviews != first


def test_a_preference_is_learned_from_and_only_that_critic_may_answer(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    rows = []
    for number in range(300):
        rejected = bool(chance.random() < 0.4)
        value = float(chance.normal(20 - 3 * rejected, 1))
        embedding = chance.normal(0, 1, 8).astype(np.float32)
        seen = Signals({"preference": value})
        rows.append(Reviewed(f"i{number}", f"p{number}", embedding, seen, rejected))
    lesson = learn(rows, "c" * 64)
    assert lesson.auroc > 0.9
    weights = tmp_path / "critic.safetensors"
    lesson.critic.save(weights)
    kept = load_shop_critic(tmp_path / "rubric.toml", record_of(weights))
    kept.require(f'{{"critic":"{"c" * 64}"}}')
    for other in ("null", f'"{"d" * 64}"'):
        with pytest.raises(ConfigError, match=r"catalog-gen calibrate --critic"):
            kept.require(f'{{"critic":{other}}}')
    learn(reviews(300), "c" * 64).critic.require('{"critic":null}')


def test_fewer_reviews_than_it_takes_are_not_enough_for_one_that_was_learned(
    tmp_path: Path,
) -> None:
    weights = tmp_path / "critic.safetensors"
    learn(reviews(200)).critic.save(weights)
    few = record_of(weights).model_copy(update={"labels": 199})
    with pytest.raises(ConfigError, match="fewer than 200 reviews"):
        load_shop_critic(tmp_path / "rubric.toml", few)
