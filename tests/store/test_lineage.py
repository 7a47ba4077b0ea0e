"""The views that people query, and the page that documents them."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from catalog_gen.catalog.product import Rejection
from catalog_gen.errors import CatalogError, InputError
from catalog_gen.home import Home
from catalog_gen.recipe import Recipe
from catalog_gen.store.connection import Store
from catalog_gen.store.figures import (
    coverage_figures,
    drawing_pace,
    feed_figures,
    prompt_figures,
    verdict_figures,
)
from catalog_gen.store.ledger import open_work
from catalog_gen.store.lineage import lineage_of
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.publications import live_at
from catalog_gen.store.runs import finish_run, last_runs, note_figures, run_summary
from catalog_gen.store.snapshot import publish_snapshot, query_snapshot
from catalog_gen.store.verdicts import save_review
from tests.store.shop import ENVIRONMENT, NIGHT, Shop, mug

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two nights: three mugs, of which one is rejected, then one blue and one that fails.

    Tests read it, and write snapshots beside it.
    """
    home = Home(tmp_path_factory.mktemp("worked"))
    shop = Shop(Store(home), Outbox(home.outbox))
    shop.decisions = {"mug-2": "rejected"}
    shop.refresh([mug(1), mug(2), mug(3)])
    shop.night = 2
    shop.record([mug(1, colour="blue"), mug(2), mug(3), mug(4)], [Rejection(5, "title", "", "x")])
    shop.plan()
    with shop.store.reading() as connection:
        blue, failing = open_work(connection, None, 3)
    shop.draw([blue.recipe_id], failing={failing.recipe_id: "the picture is black"})
    shop.draw([], failing={failing.recipe_id: "the picture is black"})
    shop.judge()
    shop.publish()
    return shop


@pytest.fixture(scope="module")
def snapshot(worked: Shop, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("published"))
    publish_snapshot(worked.store, home)
    return home


def test_every_query_of_the_page_runs_and_answers(snapshot: Home) -> None:
    assert len(QUERIES) >= 12
    # One depends on an id; others find nothing where, as here, all is well.
    may_be_empty = (
        "starts_with(image_id, '0')",
        "WHERE NOT EXISTS (",
        "FROM gates",
        "FROM drift",
    )
    for query in QUERIES:
        # The page names a product of the sample, so that its queries can be pasted.
        answer = query_snapshot(snapshot, query.replace("'HS-MUG-RED'", "'mug-1'"))
        assert answer.columns
        assert answer.rows or any(part in query for part in may_be_empty), query


def test_the_page_has_every_column_of_every_view(worked: Shop) -> None:
    with worked.store.reading() as connection:
        columns = connection.execute(
            """
            SELECT table_name, column_name, data_type, duckdb_columns.comment
            FROM duckdb_columns() JOIN duckdb_views() ON view_name = table_name
            WHERE NOT duckdb_views.internal AND view_name NOT IN (
                SELECT table_name FROM duckdb_columns()
                GROUP BY table_name HAVING count(comment) = 0
            )
            """
        ).fetchall()
        # Those whose columns are a table's are in one table, with what they select.
        blocks = connection.execute(
            """
            SELECT view_name, duckdb_views.comment
            FROM duckdb_columns() JOIN duckdb_views() ON view_name = table_name
            WHERE NOT duckdb_views.internal
            GROUP BY ALL HAVING count(duckdb_columns.comment) = 0
            """
        ).fetchall()
    page = PAGE.read_text("utf-8")
    for view, name, kind, comment in columns:
        section = page.partition(f"### {view}\n")[2].partition("\n### ")[0]
        assert f"| `{name}` | {kind} | {comment} |" in section, (view, name)
    assert len(blocks) == 7
    for view, comment in blocks:
        assert f"| `{view}` | {comment} |" in page, view


def test_lineage_in_a_snapshot_equals_the_live_view(worked: Shop, snapshot: Home) -> None:
    rows = "SELECT * FROM lineage ORDER BY image_id"
    columns = """
        SELECT column_name, data_type, comment FROM duckdb_columns()
        WHERE table_name = 'lineage' ORDER BY column_index
        """
    with worked.store.reading() as connection:
        live = [tuple(connection.execute(query).fetchall()) for query in (rows, columns)]
    assert live == [query_snapshot(snapshot, query).rows for query in (rows, columns)]
    kept = query_snapshot(snapshot, "SELECT table_name FROM duckdb_tables()").rows
    assert ("image_bytes",) not in kept


def test_time_travel_shows_every_publication_as_it_was(worked: Shop, snapshot: Home) -> None:
    shown = {
        day: query_snapshot(
            snapshot,
            "SELECT product_id, image_id FROM "
            f"live_at(TIMESTAMPTZ '{NIGHT + timedelta(days=day, hours=1)}') ORDER BY product_id",
        ).rows
        for day in (0, 1, 2)
    }
    with worked.store.reading() as connection:
        for day, rows in shown.items():
            moment = NIGHT + timedelta(days=day, hours=1)
            assert rows == tuple((e.product_id, e.image_id) for e in live_at(connection, moment))
    assert [len(shown[day]) for day in (0, 1, 2)] == [0, 2, 2]
    assert shown[1] != shown[2]


def test_lineage_of_an_image_is_complete(worked: Shop) -> None:
    with worked.store.reading() as connection:
        image_id = connection.execute(
            "SELECT image_id FROM lineage WHERE product_id = 'mug-1' AND live"
        ).fetchall()[0][0]
        answer = lineage_of(connection, image_id)
    assert answer["product_then"] == {"category": "mug", "colour": "blue", "title": "Mug 1"}
    assert answer["attributes_now"] == {"colour": "blue"}
    assert (answer["view"], answer["template_hash"], answer["model_hash"]) == (
        "packshot",
        "t1",
        "m1",
    )
    assert (answer["prompt"], answer["recipe"]["steps"], answer["steps"]) == (
        "t1 mug blue Mug 1",
        20,
        20,
    )
    assert answer["environment"]["libraries"] == dict(ENVIRONMENT.libraries)
    assert (answer["similarity"], answer["signals"]) == (0.3, {"sharpness": 0.5})
    assert (answer["decision"], answer["total"], answer["live"]) == ("accepted", 9, True)
    assert answer["criteria"]["realism"]["why"] == "Sharp."
    assert answer["publications"] == [{"since": 2, "until": None}]
    assert (answer["run_id"], answer["asked_because"], answer["tries"]) == ("run-2", "changed", 1)
    assert None not in {key: answer[key] for key in ("shard", "seed", "batch", "seconds")}.values()


def test_lineage_has_one_row_an_image_even_with_many_judges(shop: Shop) -> None:
    shop.decisions = {"mug-2": "rejected"}
    shop.refresh([mug(1), mug(2)])
    with shop.store.writing() as connection:
        connection.execute(
            """
            INSERT INTO verdicts BY NAME
            SELECT * EXCLUDE (seq) REPLACE ('rubric-2' AS rubric, 'review' AS decision)
            FROM verdicts
            """
        )
        (image_id,) = connection.execute(
            "SELECT image_id FROM lineage WHERE product_id = 'mug-2'"
        ).fetchall()[0]
        for decision, day in (("rejected", 1), ("accepted", 2)):
            now = NIGHT + timedelta(days=day)
            save_review(connection, image_id, decision, reviewer="Ana", note="", now=now)
        rows = connection.execute(
            "SELECT product_id, rubric_decision, decision, rubric FROM lineage ORDER BY ALL"
        ).fetchall()
    assert rows == [
        ("mug-1", "review", "review", "rubric-2"),
        ("mug-2", "review", "accepted", "rubric-2"),
    ]


def test_why_regenerated_names_the_field_with_both_values(worked: Shop) -> None:
    with worked.store.reading() as connection:
        rows = connection.execute(
            "SELECT product_id, changes, template_changed, model_changed FROM why_regenerated"
        ).fetchall()
    assert rows == [("mug-1", [{"field": "colour", "old": "red", "new": "blue"}], False, False)]


def test_why_regenerated_tells_a_new_template_from_a_new_model(shop: Shop) -> None:
    shop.record([mug(1)])
    shop.plan()
    for part in ("template", "model"):
        shop.night += 1
        view = shop.views[0]
        shop.views = (replace(view, spec={**view.spec, part: "other"}),)
        shop.plan()
    with shop.store.reading() as connection:
        rows = connection.execute(
            "SELECT changes, template_changed, model_changed, settings_changed "
            "FROM why_regenerated ORDER BY created_at"
        ).fetchall()
    assert rows == [([], True, False, False), ([], False, True, False)]


def test_figures(worked: Shop) -> None:
    with worked.store.reading() as connection:
        feed = feed_figures(connection)
        prompts = prompt_figures(connection)
        verdicts = verdict_figures(connection)
        coverage = coverage_figures(connection)
        pace = drawing_pace(connection)
    assert (feed.rows_read, feed.accepted, feed.rejected) == (5, 4, 1)
    assert (prompts.prompts, prompts.trimmed, prompts.unsupported) == (4, 0, 0)
    assert (verdicts.accepted, verdicts.review, verdicts.rejected) == (2, 0, 1)
    assert (coverage.active, coverage.live, coverage.images) == (4, 2, 2)
    assert (coverage.open_failures, coverage.given_up) == (0, 1)
    assert [(each.view, each.settings_hash, each.model_hash, each.seconds) for each in pace] == [
        ("packshot", "s1", "m1", 0.5)
    ]
    assert pace[0].work == 128 * 128 * 20


def test_a_run_gathers_the_figures_of_its_stages(shop: Shop) -> None:
    with shop.store.writing() as connection:
        note_figures(connection, "night", "images", {"planned": 3}, NIGHT)
        note_figures(connection, "night", "images", {"generated": 2}, NIGHT)
        note_figures(connection, "night", "seconds", {"score": 1.5}, NIGHT)
        finish_run(connection, "night", "succeeded", shop.now)
    with shop.store.reading() as connection:
        assert run_summary(connection, "night") == {
            "images": {"planned": 3, "generated": 2},
            "seconds": {"score": 1.5},
        }
        (run,) = last_runs(connection, 5)
        assert run_summary(connection, "unknown") == {}
    assert (run.status, run.started_at, run.finished_at) == ("succeeded", NIGHT, shop.now)


def test_snapshots_are_whole_and_three(worked: Shop, home: Home) -> None:
    paths = [publish_snapshot(worked.store, home) for _ in range(5)]
    kept = sorted(path.name for path in home.snapshots.iterdir())
    assert kept == sorted([*(path.name for path in paths[-3:]), "latest.duckdb"])
    assert (home.snapshots / "latest.duckdb").resolve() == paths[-1]
    answer = query_snapshot(home, "SELECT count(*) AS images FROM lineage")
    assert (answer.columns, answer.rows) == (("images",), ((4,),))
    comments = query_snapshot(home, "SELECT comment FROM duckdb_views() WHERE view_name = 'spend'")
    assert comments.rows[0][0] is not None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/catalog-gen-escape.csv'",
        "ATTACH '/tmp/catalog-gen-escape.duckdb'",
        "SET enable_external_access = true",
        "SET lock_configuration = false; SET enable_external_access = true",
        "LOAD httpfs",
        "DELETE FROM products",
        "CREATE TABLE mine AS SELECT 1",
        "SELECT * FROM home",
        "SELEC nonsense",
    ],
)
def test_a_query_reads_the_snapshot_and_nothing_else(snapshot: Home, query: str) -> None:
    with pytest.raises(InputError):
        query_snapshot(snapshot, query)
    assert query_snapshot(snapshot, "SELECT count(*) FROM products").rows == ((4,),)


def test_without_a_snapshot_the_error_gives_the_next_step(home: Home) -> None:
    with pytest.raises(CatalogError, match="catalog-gen refresh"):
        query_snapshot(home, "SELECT 1")


def test_the_recipe_in_the_view_is_the_canonical_one(worked: Shop) -> None:
    with worked.store.reading() as connection:
        rows = connection.execute("SELECT image_id, recipe FROM lineage").fetchall()
    for image_id, recipe in rows:
        assert Recipe.model_validate(json.loads(recipe)).recipe_id == image_id
