"""One look is drawn once: plans, nights, feeds and commands of products that share pictures."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import shard_of
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.export import export
from catalog_gen.stages.mending import mend
from catalog_gen.stages.plan import make_plan
from tests.pipeline.shop import Shop, open_shop
from tests.pipeline.test_cli import run
from tests.pipeline.test_mending import PHOTOS, save_photo

ROOT = Path(__file__).parents[2]
EXPORTS = ROOT / "tests" / "catalog" / "platforms"
RED = {f"red-{size}": (f"Red Mug, {size}", "mug", "red", "9.00 EUR") for size in "LMS"}
BLUE = {"blue-S": ("Blue Mug, S", "mug", "blue", "9.00 EUR")}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three sizes of a red mug, and a blue one."""
    shop = open_shop(tmp_path)
    shop.share()
    shop.write_feed(RED | BLUE)
    return shop


@pytest.mark.parametrize(
    ("feed", "apart", "shared"),
    [
        ("size_variants.csv", 30, 6),
        ("google_apparel.xml", 9, 6),
        ("shopify_new_template.csv", 9, 6),
        ("shopify_roundtrip.csv", 15, 9),
        ("woocommerce_export.csv", 9, 6),
    ],
)
def test_real_exports_ask_for_fewer_pictures(
    tmp_path: Path, feed: str, apart: int, shared: int
) -> None:
    catalog = Catalog.open(ROOT / "data" / "catalog.toml", Home(tmp_path), EXPORTS / feed)
    plan = make_plan(catalog)
    assert len(plan.items) == shared
    assert sum(item.products for item in plan.items) == apart
    settings = catalog.settings.model_copy(update={"look": ("id",)})
    assert len(make_plan(replace(catalog, settings=settings)).items) == apart


def test_sizes_are_drawn_once_and_all_published(shop: Shop) -> None:
    plan = make_plan(shop.catalog)
    assert [(each.product_id, each.products) for each in plan.items] == [
        *[("blue-S", 1)] * 2,
        *[("red-L", 3)] * 2,
    ]
    night = shop.night("first")
    assert (night["planned"], night["generated"], night["live"]) == (4, 4, 4)
    ((summary,),) = shop.query("SELECT summary FROM runs")
    assert json.loads(str(summary))["looks"] == {"wanted": 2, "products": 4}
    assert shop.query("SELECT count(DISTINCT image_id) FROM live_images") == [(2,)]
    assert make_plan(shop.catalog).items == ()


def test_a_new_size_shares_drawn_or_planned_pictures(shop: Shop) -> None:
    shop.night("first", budget=2)  # the blue mug's: deferred are those of the red one
    shop.write_feed(RED | BLUE | {"red-XL": ("Red Mug, XL", "mug", "red", "9.00 EUR")})
    plan = make_plan(shop.catalog)
    assert [(each.product_id, each.products) for each in plan.items] == [("red-XL", 4)] * 2
    second = shop.night("second")
    assert (second["generated"], second["reused"], second["live"]) == (2, 0, 5)
    shop.write_feed(RED | BLUE | {"red-XXL": ("Red Mug, XXL", "mug", "red", "9.00 EUR")})
    assert make_plan(shop.catalog).reused == 2
    third = shop.night("third")
    assert (third["generated"], third["reused"], third["live"]) == (0, 2, 5)


def test_work_of_a_retired_product_is_drawn_for_the_others(shop: Shop) -> None:
    shop.night("first", budget=2)
    left = {"red-L": ("Red Mug, L", "mug", "green", "9.00 EUR"), "red-S": RED["red-S"]}
    shop.write_feed(BLUE | left)
    plan = make_plan(shop.catalog)
    assert [(each.product_id, each.reason, each.products) for each in plan.items] == [
        *[("red-L", "changed: colour", 1)] * 2,
        *[("red-S", "new", 1)] * 2,
    ]
    shop.write_feed(BLUE | {"red-M": ("Red Mug, M", "mug", "blue", "9.00 EUR")})
    # The last red mug is gone, and the blue one's pictures are there.
    assert make_plan(shop.catalog).items == ()


def test_a_setting_keeps_accidentally_equal_looks_apart(shop: Shop) -> None:
    rows = [("id", "title", "product_type", "color", "price", "item_group_id")]
    rows += [(key, *row, "acme") for key, row in RED.items()]
    rows += [("other-1", "Red Mug", "mug", "red", "9.00 EUR", "other")]
    with (shop.folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    assert [each.products for each in make_plan(shop.catalog).items] == [4, 4]
    text = shop.config.read_text("utf-8")
    shop.config.write_text('look = ["item_group_id"]\n' + text, "utf-8")
    items = make_plan(shop.catalog).items
    assert [(each.product_id, each.products) for each in items] == [
        *[("other-1", 1)] * 2,
        *[("red-L", 3)] * 2,
    ]
    shop.config.write_text('look = ["item_grup"]\n' + text, "utf-8")
    with pytest.raises(ConfigError, match="'item_grup', a field that no product has"):
        make_plan(shop.catalog)


def test_more_candidates_keep_those_that_are_drawn(shop: Shop) -> None:
    shop.night("first")
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("candidates = 2", "candidates = 3"), "utf-8")
    second = shop.night("second")
    assert (second["generated"], second["reused"], second["live"]) == (2, 4, 4)


def test_retry_of_one_size_draws_for_all(shop: Shop) -> None:
    with shop.config.open("a", encoding="utf-8") as stream:
        stream.write(PHOTOS)
    feed = shop.folder / "feed.csv"
    header, *rows = feed.read_text("utf-8").splitlines()
    photos = [f"{row},red.png" if row.startswith("red") else f"{row}," for row in rows]
    feed.write_text("\n".join([f"{header},reference_image", *photos, ""]), "utf-8")
    assert shop.night("first")["failed"] == 1
    status = json.loads(run(shop, "status", "--json").stdout)
    (failure,) = status["open_failures"]
    assert failure["product_ids"] == ["red-L", "red-M", "red-S"]
    save_photo(shop, "red.png", 90)
    mended = mend(shop.catalog, ["failed"], Stamp.at_once("again"), products=["red-S"])
    assert mended.photos == 3
    assert set(mended.shards) == {shard_of(each) for each in RED}
    night = shop.night("second")
    assert (night["generated"], night["failed"]) == (1, 0)
    live = shop.query("SELECT product_id, products FROM live_images WHERE view = 'refreshed'")
    assert sorted(live) == [("red-L", 3), ("red-M", 3), ("red-S", 3)]


def test_photos_that_cannot_be_read_are_not_one_photo(shop: Shop) -> None:
    with shop.config.open("a", encoding="utf-8") as stream:
        stream.write(PHOTOS)
    feed = shop.folder / "feed.csv"
    header, *rows = feed.read_text("utf-8").splitlines()
    photos = [f"{row},{row[:5]}.png" for row in rows]
    feed.write_text("\n".join([f"{header},reference_image", *photos, ""]), "utf-8")
    refreshed = [each for each in make_plan(shop.catalog).items if each.view == "refreshed"]
    assert [each.products for each in refreshed] == [1, 1, 1, 1]


def test_exports_and_commands_give_every_product_its_picture(shop: Shop, tmp_path: Path) -> None:
    shop.night("first")
    out = tmp_path / "out"
    exported = export(shop.catalog, "files", out)
    assert (exported.products, exported.images) == (4, 2)
    assert len(list((out / "images").iterdir())) == 2
    with exported.feed.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    links = {row["product_id"]: row["image_link"] for row in rows}
    assert len({links[each] for each in RED}) == 1
    assert links["blue-S"] != links["red-S"]
    ((image_id,),) = shop.query("SELECT image_id FROM live_images WHERE product_id = 'red-S'")
    output = run(shop, "lineage", str(image_id)).stdout
    assert "of 3 products" in output
    assert "red-L, red-M, red-S" in output
    facts = json.loads(run(shop, "lineage", str(image_id), "--json").stdout)
    assert (facts["products"], facts["showing"]) == (3, ["red-L", "red-M", "red-S"])
    plan = json.loads(run(shop, "plan", "--json").stdout)
    assert plan["looks"] == {"planned": 0, "products": 0}
