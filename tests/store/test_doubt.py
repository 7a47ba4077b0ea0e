"""Looks whose best picture is of doubtful form, and pictures that other lookers scored."""

from dataclasses import replace

import pytest

from catalog_gen.store.retries import all_rejected, doubtful
from catalog_gen.store.scores import Outdated, outdated_scores, unscored
from catalog_gen.store.verdicts import save_review, unjudged
from tests.store.shop import RUBRIC, SCORER, Shop, best, mug

LATER = '{"critic":"1","lettering":null,"signals":"0"}'


def in_doubt(shop: Shop) -> dict[str, float]:
    with shop.store.reading() as connection:
        return {each.product_id: each.soundness for each in doubtful(connection, 0.4, 0.7)}


def test_a_form_between_the_thresholds_is_in_doubt(shop: Shop) -> None:
    shop.soundness = {"mug-1": 0.39, "mug-2": 0.4, "mug-3": 0.69, "mug-4": 0.7}
    shop.refresh([mug(number) for number in range(1, 6)])
    assert in_doubt(shop) == {"mug-2": 0.4, "mug-3": 0.69}
    with shop.store.reading() as connection:
        (first, second) = doubtful(connection, 0.4, 0.7)
        assert doubtful(connection, 0.4, 0.4) == []
        assert doubtful(connection, 0.4, 0.7, [first.shard]) in ([first], [first, second])
        assert (first.attempts, first.product_ids) == (1, ("mug-2",))


def test_the_best_picture_counts_and_a_person_settles_it(shop: Shop) -> None:
    shop.soundness = {"mug-1": 0.5, "mug-2": 0.5}
    shop.refresh([mug(1), mug(2)])
    with shop.store.writing() as connection:
        ids = dict(
            connection.execute("SELECT product_id, image_id FROM lineage ORDER BY ALL").fetchall()
        )
        save_review(connection, ids["mug-1"], "accepted", reviewer="Ana", note="", now=shop.now)
    assert in_doubt(shop) == {"mug-2": 0.5}
    with shop.store.writing() as connection:
        connection.execute(
            "INSERT INTO ledger SELECT * REPLACE ('better' AS recipe_id, 1 AS attempt) "
            "FROM ledger WHERE recipe_id = ?",
            [ids["mug-2"]],
        )
    assert in_doubt(shop) == {}, "a candidate without a verdict is waited for"
    with shop.store.writing() as connection:
        connection.execute(
            "INSERT INTO verdicts BY NAME SELECT * EXCLUDE (seq) "
            "REPLACE ('better' AS image_id, 0.6 AS soundness) FROM verdicts WHERE image_id = ?",
            [ids["mug-2"]],
        )
    assert in_doubt(shop) == {"mug-2": 0.6}
    with shop.store.writing() as connection:
        connection.execute("UPDATE verdicts SET soundness = 0.9 WHERE image_id = 'better'")
    assert in_doubt(shop) == {}
    with shop.store.writing() as connection:
        connection.execute("UPDATE verdicts SET decision = 'rejected' WHERE image_id = 'better'")
    assert in_doubt(shop) == {"mug-2": 0.5}, "what was rejected is not the best"


def test_a_look_with_only_rejected_pictures_is_not_doubtful(shop: Shop) -> None:
    shop.decisions, shop.soundness = {"mug-1": "rejected"}, {"mug-1": 0.5}
    shop.refresh([mug(1)])
    assert in_doubt(shop) == {}
    with shop.store.reading() as connection:
        assert [each.product_id for each in all_rejected(connection)] == ["mug-1"]


@pytest.mark.parametrize("fact", ["soundness", "preference"])
def test_the_critics_answer_decides_between_equal_totals(shop: Shop, fact: str) -> None:
    shop = replace(shop, candidates=3)
    shop.refresh([mug(1)])
    with shop.store.writing() as connection:
        ids = [
            row[0]
            for row in connection.execute("SELECT image_id FROM images ORDER BY 1").fetchall()
        ]
        for image_id, value in zip(ids, (0.2, 0.8, None), strict=True):
            connection.execute(
                f"UPDATE verdicts SET {fact} = ? WHERE image_id = ?", [value, image_id]
            )
        (chosen,) = best(connection)
    assert chosen.image_id == ids[1]


def test_other_lookers_score_stored_pictures_again_and_the_rubric_judges_them(shop: Shop) -> None:
    shop.refresh([mug(1), mug(2)])
    before = shop.lookers
    with shop.store.reading() as connection:
        assert outdated_scores(connection, SCORER, before) == []
        assert outdated_scores(connection, None, LATER) == [Outdated(SCORER, before, 2)]
        assert outdated_scores(connection, "another", before) == [Outdated(SCORER, before, 2)]
        assert len(unscored(connection, SCORER, LATER, None)) == 2
        assert unjudged(connection, RUBRIC, SCORER, None) == []
    shop.lookers, shop.decisions = LATER, {"mug-1": "rejected"}
    shop.judge()
    with shop.store.reading() as connection:
        assert unscored(connection, SCORER, LATER, None) == []
        assert unjudged(connection, RUBRIC, SCORER, None) == []
        found = connection.execute(
            "SELECT product_id, rubric_decision, lookers FROM lineage ORDER BY ALL"
        ).fetchall()
    assert found == [("mug-1", "rejected", LATER), ("mug-2", "accepted", LATER)]
