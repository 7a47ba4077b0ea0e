"""A sequence decides which row is newer, since a clock may be set back."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from catalog_gen.catalog.product import Rejection
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.feed import KEPT_COPIES, current_feed, take_feed
from catalog_gen.store import snapshot as snapshot_module
from catalog_gen.store.figures import feed_figures, verdict_figures
from catalog_gen.store.gates import Gate, last_gates, save_gates
from catalog_gen.store.prompts import reasons_behind
from catalog_gen.store.publications import newest_publication
from catalog_gen.store.replays import ReplayRow, next_to_replay, save_replays, unexplained_drift
from catalog_gen.store.runs import last_runs, start_run
from catalog_gen.store.scores import newest_signals, unscored
from catalog_gen.store.showcase import newest_rejections
from catalog_gen.store.snapshot import KEPT, publish_snapshot, query_snapshot
from catalog_gen.store.verdicts import save_review, unjudged
from tests.store.shop import NIGHT, RUBRIC, SCORER, Shop, best, mug

#: The clock is ahead by so much, until it is put right.
AHEAD = timedelta(days=20)


@pytest.fixture
def put_right(shop: Shop) -> Shop:
    """A night dated in the future, then one in the present in which everything differs."""
    shop.night = AHEAD.days
    shop.signals = {"mug-1": '{"sharpness":0.1}'}
    shop.refresh([mug(1), mug(2)])
    shop.night = 0
    shop.record([mug(1, colour="blue"), mug(2)], [Rejection(3, "title", "", "it is empty")])
    return shop


def test_the_last_word_of_a_person_counts(put_right: Shop) -> None:
    with put_right.store.writing() as connection:
        (image_id,) = {each.image_id for each in best(connection) if each.product_id == "mug-2"}
        for decision, now in (("accepted", NIGHT + AHEAD), ("rejected", NIGHT)):
            save_review(connection, image_id, decision, reviewer="Ana", note="", now=now)
        chosen = best(connection)
        assert "mug-2" not in {each.product_id for each in chosen}
        assert verdict_figures(connection).rejected == 1
        decided = "SELECT decision FROM lineage WHERE product_id = 'mug-2'"
        assert connection.execute(decided).fetchall() == [("rejected",)]


def test_the_last_score_and_verdict_count(put_right: Shop) -> None:
    """The same picture is judged by another rubric, and then by the first one again."""
    shop = put_right
    with shop.store.writing() as connection:
        for table, judge in (("scores", "scorer"), ("verdicts", "rubric")):
            connection.execute(
                f"INSERT INTO {table} BY NAME "
                f"SELECT * EXCLUDE (seq) REPLACE ('another' AS {judge}) FROM {table}"
            )
        again = {each.image_id for each in unscored(connection, SCORER, shop.lookers, None)}
        assert again == {each.image_id for each in unjudged(connection, RUBRIC, SCORER, None)}
    shop.signals = {"mug-1": '{"sharpness":0.9}'}
    shop.decisions = {"mug-2": "rejected"}
    shop.judge()
    with shop.store.reading() as connection:
        assert unscored(connection, SCORER, shop.lookers, None) == []
        assert unjudged(connection, RUBRIC, SCORER, None) == []
        decisions = dict(
            connection.execute("SELECT product_id, rubric_decision FROM lineage").fetchall()
        )
        (first,) = connection.execute(
            "SELECT image_id FROM lineage WHERE product_id = 'mug-1'"
        ).fetchall()[0]
        signals = newest_signals(connection, [first])
    assert decisions == {"mug-1": "accepted", "mug-2": "rejected"}
    assert signals == {first: '{"sharpness":0.9}'}


def test_the_last_feed_run_gates_and_audit_count(put_right: Shop) -> None:
    with put_right.store.writing() as connection:
        assert feed_figures(connection).rejected == 1
        assert [each.line for each in newest_rejections(connection)] == [3]
        ids = next_to_replay(connection, 2)
        for run_id, now, cause in (
            ("later", NIGHT + AHEAD, "device"),
            ("now", NIGHT, "unexplained"),
        ):
            start_run(connection, run_id, now)
            gate = Gate("coverage", run_id == "now", 0.5, 0.4, "half of it")
            save_gates(connection, [gate], publication_id=None, run_id=run_id, now=now)
            row = ReplayRow(ids[run_id == "now"], "different", 9, (cause,), (), "")
            save_replays(connection, [row], run_id=run_id, now=now)
        assert [run.run_id for run in last_runs(connection, 2)] == ["now", "later"]
        gates = last_gates(connection)
        assert gates is not None
        assert gates.run_id == "now"
        assert unexplained_drift(connection) == [ids[1]]
        assert next_to_replay(connection, 2) == ids  # the first was replayed longest ago


def test_the_reason_for_a_change_is_found_by_comparison_with_the_earlier_wish(
    put_right: Shop,
) -> None:
    stale, _ = put_right.plan()
    blue = put_right.row(stale[0]).prompt_id
    with put_right.store.reading() as connection:
        assert reasons_behind(connection, [blue])[blue].name == "changed: colour"
        rows = connection.execute("SELECT prompt_id FROM why_regenerated").fetchall()
        assert rows == [(blue,)]


def test_the_last_publication_is_live(put_right: Shop) -> None:
    put_right.plan()
    second = put_right.publish()
    with put_right.store.reading() as connection:
        assert newest_publication(connection) == second
    assert second.publication_id == 2


def test_the_last_snapshot_is_kept_and_named_the_latest(
    put_right: Shop, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(snapshot_module.datetime):  # type: ignore[misc, name-defined]
        @classmethod
        def now(cls, tz: object = None) -> object:
            return super().now(tz) + AHEAD

    with monkeypatch.context() as clock:
        clock.setattr(snapshot_module, "datetime", Ahead)
        early = [publish_snapshot(put_right.store, home) for _ in range(KEPT)]
    newest = publish_snapshot(put_right.store, home)
    assert (home.snapshots / "latest.duckdb").resolve() == newest
    assert snapshots_in(home.snapshots) == {*early[1:], newest}
    assert query_snapshot(home, "SELECT 1").rows == ((1,),)


def test_the_last_copies_of_the_feed_are_kept(home: Home, tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "data" / "catalog.toml"
    (tmp_path / "catalog.toml").write_text(sample.read_text("utf-8"), "utf-8")
    catalog = Catalog.open(tmp_path / "catalog.toml", home)
    taken: list[Path] = []
    for night in (*range(12), 11):
        feed = tmp_path / "feed.csv"
        feed.write_text(f"id,title\n1,Mug of night {night}\n", "utf-8")
        os.utime(feed, (0, 0))  # nobody is writing it any more
        taken.append(take_feed(catalog).path)
        ahead = taken[-1].stat().st_mtime + (AHEAD.total_seconds() if night < 3 else -night)
        os.utime(taken[-1], (ahead, ahead))
    assert current_feed(home).path == taken[-1] == taken[-2]
    assert set(home.feeds.glob("*.csv")) == set(taken[-KEPT_COPIES - 1 :])


def snapshots_in(folder: Path) -> set[Path]:
    return {path for path in folder.iterdir() if not path.is_symlink()}
