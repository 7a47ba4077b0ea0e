from datetime import timedelta

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.errors import InputError
from catalog_gen.store.figures import verdict_figures
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.publications import (
    LiveImage,
    live_at,
    publications,
    publish,
    rollback_to,
)
from catalog_gen.store.verdicts import save_review, unjudged
from tests.store.shop import NIGHT, RUBRIC, SCORER, Shop, best, mug, rolled_back, selected

selections = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["packshot", "lifestyle"])),
    st.sampled_from(["i1", "i2", "i3"]),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(selections, min_size=1, max_size=5))
def test_the_live_set_of_every_past_moment_can_be_queried(
    memory: DuckDBPyConnection, nights: list[dict[tuple[str, str], str]]
) -> None:
    sets = [[LiveImage(*key, each[key]) for key in sorted(each)] for each in nights]
    with rolled_back(memory):
        memory.execute(
            """
            INSERT INTO images BY NAME
            SELECT 'i' || n AS image_id, sha256('x') AS sha256, '' AS prompt_id,
                '' AS environment_id, 1 AS width, 1 AS height, 1 AS size, 0 AS seconds,
                '' AS batch, now() AS created_at, '' AS run_id
            FROM range(1, 4) AS each(n);
            INSERT INTO image_bytes VALUES (sha256('x'), 'x'::BLOB)
            """
        )
        for number, chosen in enumerate(sets):
            now = NIGHT + timedelta(days=number)
            selection = selected(memory, chosen)
            made = publish(memory, selection, coverage=number / 10, run_id="run", now=now)
            shown = {image.image_id for image in chosen}
            assert (made.publication_id, made.images) == (number + 1, len(shown))
        for number, chosen in enumerate(sets):
            moment = NIGHT + timedelta(days=number)
            assert live_at(memory, moment) == chosen
            assert live_at(memory, moment + timedelta(hours=23)) == chosen
        assert live_at(memory, NIGHT - timedelta(seconds=1)) == []
        later = NIGHT + timedelta(days=99)
        rolled = rollback_to(memory, InDatabase(memory), 1, run_id="run", now=later)
        assert live_at(memory, NIGHT + timedelta(days=99)) == sets[0]
        assert rolled.images == len({image.image_id for image in sets[0]})


def test_a_night_writes_only_what_changed(shop: Shop) -> None:
    first = shop.refresh([mug(1), mug(2), mug(3)])
    second = shop.refresh([mug(1, colour="blue"), mug(2), mug(3)])
    third = shop.refresh([mug(1, colour="blue"), mug(2), mug(3)])
    assert (first.added, first.removed) == (3, 0)
    assert (second.added, second.removed) == (1, 1)
    assert third == second
    with shop.store.reading() as connection:
        assert [each.publication_id for each in publications(connection)] == [2, 1]
        rows = connection.execute("SELECT count(*) FROM publication_items").fetchall()
    assert rows == [(4,)]


def test_a_returning_product_shows_its_earlier_picture(shop: Shop) -> None:
    shop.refresh([mug(1), mug(2)])
    with shop.store.reading() as connection:
        before = live_at(connection, shop.now)
    assert shop.refresh([mug(1)]).images == 1
    shop.refresh([mug(1), mug(2)])
    with shop.store.reading() as connection:
        assert live_at(connection, shop.now) == before
        assert connection.execute("SELECT count(*) FROM images").fetchall() == [(2,)]


def test_people_overrule_the_rubric(shop: Shop) -> None:
    shop.candidates = 2
    shop.decisions = {"mug-2": "rejected"}
    shop.refresh([mug(1), mug(2)])
    with shop.store.writing() as connection:
        (chosen,) = best(connection)
        bad = connection.execute(
            "SELECT image_id FROM lineage WHERE product_id = 'mug-2' ORDER BY candidate"
        ).fetchall()[1][0]
        save_review(connection, chosen.image_id, "rejected", reviewer="Ana", note="", now=shop.now)
        save_review(connection, bad, "accepted", reviewer="Ana", note="fine", now=shop.now)
        first, second = best(connection)
    assert (first.product_id, second.product_id) == ("mug-1", "mug-2")
    assert first.image_id != chosen.image_id
    assert second.image_id == bad


def test_only_this_rubric_and_current_wishes_count(shop: Shop) -> None:
    shop.refresh([mug(1), mug(2)])
    with shop.store.reading() as connection:
        assert best(connection, "another rubric") == []
    shop.record([mug(1, colour="green")])
    shop.plan()
    with shop.store.reading() as connection:
        assert best(connection) == []


def test_rolling_back_to_nothing_known(shop: Shop) -> None:
    shop.refresh([mug(1)])
    with shop.store.writing() as connection, pytest.raises(InputError, match="publication 7"):
        rollback_to(connection, shop.store.pictures(connection), 7, run_id="run", now=shop.now)


def test_an_earlier_rubric_that_returns_decides_again(shop: Shop) -> None:
    """Everything goes by the newest verdict, so the strict rubric of one night must not stay."""
    shop.refresh([mug(1), mug(2)])
    with shop.store.writing() as connection:
        connection.execute(
            "INSERT INTO verdicts BY NAME SELECT * EXCLUDE (seq) "
            "REPLACE ('strict' AS rubric, 'rejected' AS decision) FROM verdicts"
        )
        connection.execute(
            "INSERT INTO scores BY NAME SELECT * EXCLUDE (seq) "
            "REPLACE ('other' AS scorer, -1 AS margin) FROM scores"
        )
        assert verdict_figures(connection).rejected == 2
    shop.night += 1
    shop.judge()
    with shop.store.reading() as connection:
        assert verdict_figures(connection).accepted == 2
        assert connection.execute("SELECT DISTINCT margin > 0 FROM lineage").fetchall() == [(True,)]
        assert connection.execute("FROM all_rejected").fetchall() == []
        assert unjudged(connection, RUBRIC, SCORER, None) == []
