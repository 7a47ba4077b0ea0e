from dataclasses import replace

import pyarrow as pa

from catalog_gen.arrow_text import text_array
from catalog_gen.fingerprint import SHARDS, shard_of
from catalog_gen.recipe import Failure
from catalog_gen.store.figures import drawn_in_run
from catalog_gen.store.ledger import (
    LedgerCounts,
    WorkItem,
    apply_budget,
    given_up_among,
    ledger_counts,
    made_among,
    open_failures,
    open_work,
    record_failures,
)
from catalog_gen.store.prompts import retire_prompts, stale_inputs
from tests.store.shop import PACKSHOT, Shop, mug, recipe_of, shown_products


def ids(*recipe_ids: str) -> pa.ChunkedArray:
    """As ``open_candidates`` gives them."""
    return pa.chunked_array([text_array(recipe_ids)])


def work_of(shop: Shop, *, include_deferred: bool = False) -> list[WorkItem]:
    with shop.store.reading() as connection:
        return open_work(connection, None, 2, include_deferred=include_deferred)


def counts_of(shop: Shop) -> LedgerCounts:
    with shop.store.reading() as connection:
        return ledger_counts(connection)


def test_planned_work_carries_all_that_drawing_needs(shop: Shop) -> None:
    shop.record([mug(1, material="ceramic")])
    (stale,), result = shop.plan()
    (work,) = work_of(shop)
    assert (result.planned, len(result.reused)) == (1, 0)
    assert work.recipe_id == work.recipe.recipe_id
    assert work.recipe.prompt == "t1 mug red Mug 1"
    assert work.product == stale.product
    assert (work.reference, work.reason, work.tries, work.error) == ("", "new", 0, "")


def test_drawn_work_is_done_and_drawing_again_draws_nothing(shop: Shop) -> None:
    shop.candidates = 2
    shop.record([mug(1), mug(2)])
    shop.plan()
    first, *rest = work_of(shop)
    shop.draw([first.recipe_id])
    assert work_of(shop) == rest
    shop.draw([item.recipe_id for item in rest])
    assert work_of(shop) == []
    assert counts_of(shop) == LedgerCounts(planned=0, deferred=0, made=4, failed=0, given_up=0)
    with shop.store.reading() as connection:
        assert made_among(connection, [first.recipe_id, "0" * 64]) == {first.recipe_id}


def test_saving_the_same_plan_again_changes_nothing(shop: Shop) -> None:
    shop.record([mug(1), mug(2)])
    _, first = shop.plan()
    drawn, waiting = work_of(shop)
    shop.draw([drawn.recipe_id])
    with shop.store.writing() as connection:
        connection.execute("UPDATE prompts SET current = false")
    _, second = shop.plan()
    assert (first.planned, len(first.reused)) == (2, 0)
    assert (second.planned, len(second.reused)) == (1, 1)
    assert work_of(shop) == [waiting]


def test_a_failure_is_tried_again_until_it_is_given_up(shop: Shop) -> None:
    shop.record([mug(1)])
    shop.plan()
    (work,) = work_of(shop)
    shop.draw([], failing={work.recipe_id: "the picture is black"})
    (again,) = work_of(shop)
    assert (again.tries, again.error) == (1, "the picture is black")
    with shop.store.writing() as connection:
        failure = Failure(work.recipe_id, "the picture is flat", 1.0)
        record_failures(connection, [failure], 2, "run-x", shop.now)
        (left,) = open_failures(connection)
    assert (left.status, left.tries, left.error) == ("given up", 2, "the picture is flat")
    assert work_of(shop) == []


def test_a_failure_after_success_does_not_unmake_a_picture(shop: Shop) -> None:
    shop.record([mug(1)])
    shop.plan()
    (work,) = work_of(shop)
    shop.draw([work.recipe_id], failing={work.recipe_id: "a late report"})
    assert counts_of(shop).made == 1


def test_a_budget_defers_and_a_later_one_takes(shop: Shop) -> None:
    shop.record([mug(1), mug(2)])
    shop.plan()
    first, second = [item.recipe_id for item in work_of(shop)]
    with shop.store.writing() as connection:
        apply_budget(connection, ids(first), ids(second), "run-x", shop.now)
    assert [item.product_id for item in work_of(shop)] == ["mug-1"]
    later = [item for item in work_of(shop, include_deferred=True) if item.deferred]
    assert [item.product_id for item in later] == ["mug-2"]
    with shop.store.writing() as connection:
        apply_budget(connection, ids(first, second), ids(), "run-y", shop.now)
    assert [item.product_id for item in work_of(shop)] == ["mug-1", "mug-2"]


def test_retired_products_and_dropped_wishes_are_not_drawn(shop: Shop) -> None:
    shop.record([mug(1), mug(2), mug(3)])
    shop.plan()
    shop.night = 1
    shop.record([mug(1), mug(2, colour="blue")])
    shop.plan()
    assert [item.recipe.prompt for item in work_of(shop)] == [
        "t1 mug red Mug 1",
        "t1 mug blue Mug 2",
    ]
    with shop.store.writing() as connection:
        retire_prompts(connection, [])
    assert work_of(shop) == []


def test_two_wishes_for_the_same_picture_share_it(shop: Shop) -> None:
    """A view that reads an additional, empty field asks again for existing pictures."""
    view = shop.views[0]
    shop.record([mug(1)])
    shop.plan()
    (work,) = work_of(shop)
    shop.draw([work.recipe_id])
    shop.views = (replace(view, fields=(*view.fields, "unseen")),)
    (stale,), result = shop.plan()
    assert stale.previous_inputs is not None
    assert (result.planned, len(result.reused)) == (0, 1)
    assert counts_of(shop).made == 1
    with shop.store.reading() as connection:
        assert connection.execute("SELECT still_wanted FROM lineage").fetchall() == [(True,)]
        (shown,) = shown_products(connection)
        assert [each.image_id for each in shown.pictures] == [work.recipe_id]


def test_planning_a_given_up_picture_again_is_no_try_of_the_run(shop: Shop) -> None:
    shop.record([mug(1)])
    shop.plan()
    (work,) = work_of(shop)
    for _ in range(2):
        shop.draw([], failing={work.recipe_id: "the picture is black"})
    shop.night += 1
    shop.views = (replace(shop.views[0], fields=(*shop.views[0].fields, "unseen")),)
    shop.plan()
    with shop.store.reading() as connection:
        drawn = drawn_in_run(connection, shop.run_id)
        assert given_up_among(connection, [work.recipe_id, "other"]) == {work.recipe_id}
    assert (drawn.generated, drawn.failed) == (0, 0)


def test_the_ladder_goes_on_past_a_rung_that_was_given_up(shop: Shop) -> None:
    shop.decisions = {"mug-1": "rejected"}
    shop.refresh([mug(1)])
    with shop.store.writing() as connection:
        connection.execute(
            "INSERT INTO ledger SELECT * REPLACE ('rung' AS recipe_id, 1 AS attempt, "
            "'given up' AS status) FROM ledger"
        )
        rungs = "SELECT product_id, attempts, pictures FROM all_rejected"
        assert connection.execute(rungs).fetchall() == [("mug-1", 2, 1)]
        connection.execute("UPDATE ledger SET status = 'planned' WHERE recipe_id = 'rung'")
        assert connection.execute(rungs).fetchall() == []


def test_shards_have_separate_work(shop: Shop) -> None:
    shop.record([mug(number) for number in range(30)])
    shop.plan()
    with shop.store.reading() as connection:
        for shard in range(SHARDS):
            found = [item.product_id for item in open_work(connection, [shard], 3)]
            assert found == sorted(
                f"mug-{number}" for number in range(30) if shard_of(f"mug-{number}") == shard
            )


def test_pictures_that_came_before_their_plan_count_as_made(shop: Shop) -> None:
    """After a restored backup the outbox may hold pictures that the database never planned."""
    shop.record([mug(1)])
    with shop.store.reading() as connection:
        (stale,) = stale_inputs(connection, PACKSHOT)
    shop.draw([recipe_of(stale).recipe_id])
    _, result = shop.plan()
    assert (result.planned, len(result.reused)) == (0, 1)
