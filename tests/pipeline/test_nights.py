"""Successive nights: what is drawn, what is not, and why."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from catalog_gen.errors import DrawingError, FeedError, ModelError
from catalog_gen.planning import Change
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.store.verdicts import save_review
from tests.pipeline.shop import ROWS, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def test_only_changes_are_drawn(shop: Shop) -> None:
    first = shop.night("first")
    assert (first["planned"], first["generated"], first["live"]) == (6, 6, 3)
    assert shop.query("SELECT DISTINCT reason FROM ledger") == [("new",)]

    second = shop.night("second")
    assert (second["planned"], second["generated"], second["live"]) == (0, 0, 3)
    assert shop.query("SELECT count(*) FROM publications") == [(1,)]

    # A new price draws nothing; a new colour redraws one product and says so.
    shop.write_feed(
        ROWS
        | {
            "sku-1": ("Red Mug", "mug", "red", "5.00 EUR"),
            "sku-2": ("Blue Mug", "mug", "green", "9.00 EUR"),
        }
    )
    third = shop.night("third")
    assert (third["changed"], third["generated"]) == (2, 2)
    assert shop.query(
        "SELECT DISTINCT product_id, drawn_because FROM lineage WHERE drawn_because <> 'new'"
    ) == [("sku-2", "changed: colour")]

    # Back to the old colour: the old pictures are live again, and nothing is drawn.
    blue = shop.query(
        "SELECT image_id FROM publication_items WHERE product_id = 'sku-2' AND since = 1"
    )
    shop.write_feed(ROWS)
    fourth = shop.night("fourth")
    assert (fourth["generated"], fourth["reused"]) == (0, 2)
    assert blue == shop.query(
        "SELECT image_id FROM publication_items WHERE product_id = 'sku-2' AND until IS NULL"
    )


def test_a_feed_that_lost_too_much_changes_nothing(shop: Shop) -> None:
    shop.night("first")
    shop.write_feed({key: row for key, row in ROWS.items() if key != "sku-3"})
    with pytest.raises(FeedError, match="shrink"):
        shop.night("second")
    assert shop.query("SELECT count(*) FROM products WHERE retired_at IS NULL") == [(3,)]


def test_a_budget_defers_and_a_later_night_catches_up(shop: Shop) -> None:
    first = shop.night("first", budget=2)
    assert (first["generated"], first["deferred"]) == (2, 4)
    second = shop.night("second")
    assert (second["planned"], second["generated"], second["deferred"]) == (4, 4, 0)
    assert shop.query("SELECT count(*) FROM images") == [(6,)]


def test_deferred_work_is_still_reported_with_old_and_new_value(shop: Shop) -> None:
    shop.night("first")
    shop.write_feed(ROWS | {"sku-1": ("Red Mug", "mug", "yellow", "9.00 EUR")})
    planned = {(item.view, item.reason, item.changes) for item in make_plan(shop.catalog).items}
    assert ("packshot", "changed: colour", (Change("colour", "red", "yellow"),)) in planned
    shop.night("second", budget=0)
    later = {(item.view, item.reason, item.changes) for item in make_plan(shop.catalog).items}
    assert later == planned


def test_a_budget_in_seconds_is_planned_from_what_was_measured(shop: Shop) -> None:
    first = shop.night("first", seconds=2.5)  # nothing was measured yet: a second each
    assert (first["generated"], first["deferred"]) == (2, 4)
    with shop.catalog.store.writing() as connection:
        connection.execute("UPDATE images SET seconds = 10")
    second = shop.night("second", seconds=31)
    assert (second["generated"], second["deferred"]) == (3, 1)
    plan = make_plan(shop.catalog)
    assert [item.seconds for item in plan.items] == [plan.seconds]
    assert plan.seconds > 0


def test_a_prompt_of_one_endless_word_is_reported_and_not_drawn(shop: Shop) -> None:
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("{{ colour }} {{ category }}", "{{ title }}"), "utf-8")
    shop.write_feed(ROWS | {"sku-4": ("x" * 400, "mug", "red", "1.00 EUR")})
    night = shop.night("first")
    assert night["generated"] == 6
    ((why,),) = shop.query("SELECT unsupported FROM prompts WHERE product_id = 'sku-4'")
    assert "77 tokens" in str(why)
    assert [each.product_id for each in make_plan(shop.catalog).unsupported] == ["sku-4"]
    assert shop.query(
        "SELECT count(*) FROM prompts WHERE product_id = 'sku-4' AND look_id IS NOT NULL"
    ) == [(0,)]


def test_too_little_coverage_keeps_the_last_publication(shop: Shop) -> None:
    shop.night("first", budget=2)
    assert shop.query("SELECT count(*) FROM publications") == [(0,)]


def test_a_product_whose_photo_is_missing_fails_alone(shop: Shop) -> None:
    with shop.config.open("a", encoding="utf-8") as stream:
        stream.write(
            """
[views.refreshed]
template = "{{ colour }} {{ category }}"
method = { name = "img2img", strength = 0.35 }
steps = 3
width = 32
height = 32
"""
        )
    feed = shop.folder / "feed.csv"
    lines = feed.read_text("utf-8").splitlines()
    lines = [
        f"{lines[0]},reference_image",
        *(f"{line},gone.png" for line in lines[1:2]),
        *lines[2:],
    ]
    feed.write_text("\n".join(line if line.count(",") == 5 else f"{line}," for line in lines))
    night = shop.night("first")
    assert (night["generated"], night["failed"], night["live"]) == (6, 1, 3)
    assert shop.query("SELECT product_id, status, tries FROM open_failures") == [
        ("sku-1", "failed", 1)
    ]
    ((error,),) = shop.query("SELECT error FROM ledger WHERE status = 'failed'")
    assert "gone.png" in str(error)
    for number in range(3):
        shop.night(f"again {number}")
    assert shop.query("SELECT status, tries FROM ledger WHERE status <> 'made'") == [
        ("given up", 3)
    ]


def test_stored_bytes_hash_to_their_address(shop: Shop) -> None:
    shop.night("first")
    rows = shop.query("SELECT image_id, sha256, size FROM images")
    assert len(rows) > 0
    for image_id, address, size in rows:
        content = shop.png(str(image_id))
        assert (sha256(content).hexdigest(), len(content)) == (address, size)


def test_a_changed_rubric_judges_again_and_draws_and_scores_nothing(shop: Shop) -> None:
    shop.night("first")
    drawn = shop.query("SELECT image_id, sha256 FROM images ORDER BY ALL")
    scored = shop.query("SELECT image_id, scorer, scored_at FROM scores ORDER BY ALL")
    decisions = "SELECT decision, total, count(*) FROM lineage GROUP BY ALL"
    assert shop.query(decisions) == [("accepted", 10, len(drawn))]
    rubric = shop.folder / "rubric.toml"
    stricter = rubric.read_text("utf-8").replace("two = 2", "two = 3")
    rubric.write_text(stricter.replace("accept = 0", "accept = 6"), "utf-8")
    night = shop.night("second")
    assert (night["planned"], night["generated"]) == (0, 0)
    assert shop.query(decisions) == [("review", 5, len(drawn))]
    assert shop.query("SELECT image_id, sha256 FROM images ORDER BY ALL") == drawn
    assert shop.query("SELECT image_id, scorer, scored_at FROM scores ORDER BY ALL") == scored


@pytest.mark.slow
def test_rejected_pictures_climb_the_ladder_and_end_with_a_person(shop: Shop) -> None:
    strict = (shop.folder / "rubric.toml").read_text("utf-8")
    strict += '[[hard]]\nsignal = "documented"\nbelow = 3\nsays = "nothing is good enough"\n'
    (shop.folder / "rubric.toml").write_text(strict, "utf-8")
    settings = shop.catalog.settings
    nights = [shop.night(f"night-{number}") for number in range(5)]
    assert [night["generated"] for night in nights] == [6, 6, 6, 0, 0]
    rungs = shop.query(
        """
        SELECT DISTINCT attempt, reason, recipe ->> 'guidance', recipe ->> 'negative_prompt' <> ''
        FROM ledger JOIN recipes USING (recipe_id) ORDER BY attempt
        """
    )
    assert rungs == [
        (0, "new", "3.0", False),
        (1, "rejected: other seeds", "3.0", False),
        (2, "rejected: guidance 3.9, stronger negative prompt", "3.9", True),
    ]
    assert shop.query("SELECT count(DISTINCT seed) FROM recipes") == [(18,)]
    with shop.catalog.store.reading() as connection:
        stuck = out_of_retries(connection, settings)
    assert {(each.product_id, each.attempts, each.pictures) for each in stuck} == {
        (product_id, 3, 6) for product_id in ROWS
    }
    # A person's word ends it.
    ((image_id,),) = shop.query("SELECT best_image_id FROM all_rejected WHERE product_id = 'sku-1'")
    with shop.catalog.store.writing() as connection:
        save_review(
            connection,
            str(image_id),
            "accepted",
            reviewer="ada",
            note="good enough",
            now=datetime(2026, 11, 21, tzinfo=UTC),
        )
        assert len(out_of_retries(connection, settings)) == 2


def test_a_lost_gpu_ends_the_night_and_drawn_pictures_stay(shop: Shop) -> None:
    calls = 0

    def lose_the_gpu(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 4:  # two batches of two steps are done
            raise RuntimeError("CUDA error: unspecified launch failure")

    unet = shop.engine._loaded.main.unet
    hook = unet.register_forward_pre_hook(lose_the_gpu)
    with pytest.raises(DrawingError, match="unspecified launch failure"):
        shop.night("lost")
    hook.remove()
    assert shop.query("SELECT count(*) FROM images") == [(0,)]  # they wait in the outbox
    after = shop.night("after")
    assert (after["planned"], after["generated"], after["live"]) == (2, 2, 3)
    assert shop.query("SELECT run_id, count(*) FROM images GROUP BY ALL ORDER BY ALL") == [
        ("after", 2),
        ("lost", 4),
    ]


def test_a_night_that_finds_its_model_damaged_touches_nothing(shop: Shop) -> None:
    (weights,) = (shop.folder / "model" / "unet").glob("*.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=weights.name):
        shop.night("damaged")
    assert shop.query("SELECT count(*) FROM ledger") == [(0,)]
    weights.write_bytes(whole)
    assert shop.night("mended")["live"] == 3
