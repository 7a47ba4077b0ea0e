"""Products that keep their own pixels through a night: cut out once, drawn, proved, drawn again."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from catalog_gen.fingerprint import SHARDS
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import encode_png
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.mending import mend
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.reproduce import reproduce
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.verify import verify
from tests.judging.drawn import product
from tests.pipeline.shop import ROWS, Shop, open_shop

VIEW = """
[views.elsewhere]
template = "{{ colour }} {{ category }} on wood"
method = { name = "background", seam = 1 }
steps = 3
width = 64
height = 64
"""
PROVED = """
[[hard]]
signal = "kept_changed"
above = 0
says = "{value} of the product's own pixels were changed"
"""


def photograph(path: Path, colour: tuple[int, int, int]) -> None:
    path.write_bytes(encode_png(product(colour, side=96)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = open_shop(tmp_path)
    opened.config.write_text(opened.config.read_text("utf-8") + VIEW, "utf-8")
    rubric = tmp_path / "rubric.toml"
    rubric.write_text(rubric.read_text("utf-8") + PROVED, "utf-8")
    with (tmp_path / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price", "reference_image"))
        writer.writerows((key, *row, f"{key}.png") for key, row in ROWS.items())
    photograph(tmp_path / "photos" / "sku-1.png", (200, 30, 30))
    photograph(tmp_path / "photos" / "sku-2.png", (30, 60, 200))
    grain = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    (tmp_path / "photos" / "sku-3.png").write_bytes(encode_png(grain))
    return opened


def elsewhere(shop: Shop) -> list[str]:
    return [
        str(row[0]) for row in shop.query("SELECT image_id FROM lineage WHERE view='elsewhere'")
    ]


def test_a_night_cuts_out_draws_and_proves(shop: Shop) -> None:
    plan = make_plan(shop.catalog)
    assert {each.product_id for each in plan.items if each.view == "elsewhere"} == set(ROWS)
    night = shop.night("first")
    assert (night["generated"], night["failed"]) == (8, 0)

    cutouts = shop.query("SELECT area, problem, made_by, run_id FROM cutouts ORDER BY problem")
    assert [0.1 < float(str(area)) < 0.4 for area, *_ in cutouts] == [True, True, False]
    assert "no plain backdrop" in str(cutouts[2][1])
    assert json.loads(str(cutouts[0][2])) == {"by": "backdrop", "version": 2}
    ((summary,),) = shop.query("SELECT summary FROM runs")
    assert json.loads(str(summary))["cutouts"] == {"made": 2, "failed": 1}

    after = make_plan(shop.catalog)
    assert after.items == ()
    assert [(each.product_id, "can't be cut out" in each.why) for each in after.unsupported] == [
        ("sku-3", True)
    ]
    proved = shop.query(
        "SELECT signals, hard_failures, mask_sha256 FROM lineage WHERE view = 'elsewhere'"
    )
    assert len(proved) == 2
    for signals, hard, mask in proved:
        facts = json.loads(str(signals))
        assert facts["kept_pixels"] > 200
        assert facts["kept_changed"] == 0
        assert len(facts["kept_of"]) == 64
        assert hard == []
        with shop.catalog.store.reading() as connection:
            stored = stored_masks(connection, [str(mask)])[str(mask)]
        assert read_image(stored).shape == (96, 96, 3)


@pytest.mark.slow
def test_nothing_is_cut_or_drawn_twice_and_a_new_photo_is(shop: Shop) -> None:
    shop.night("first")
    before = elsewhere(shop)
    again = shop.night("again")
    assert (again["planned"], again["generated"], again["changed"]) == (0, 0, 0)
    assert shop.query("SELECT count(*) FROM cutouts WHERE run_id = 'again'") == [(0,)]
    photograph(shop.folder / "photos" / "sku-1.png", (30, 160, 60))
    changed = shop.night("changed")
    assert (changed["changed"], changed["generated"]) == (1, 1)
    assert len(elsewhere(shop)) == len(before) + 1


def test_pictures_are_drawn_again_from_the_stored_mask(shop: Shop) -> None:
    shop.night("first")
    ids = elsewhere(shop)
    assert [each.result for each in reproduce(shop.catalog, ids)] == ["identical"] * 2
    # Whoever cuts out today, and however: the recipe names the mask's bytes.
    with shop.catalog.store.writing() as connection:
        connection.execute("DELETE FROM cutouts")
    assert [each.result for each in reproduce(shop.catalog, ids)] == ["identical"] * 2


def test_a_photo_that_comes_back_is_cut_out_on_request(shop: Shop) -> None:
    photo = shop.folder / "photos" / "sku-1.png"
    content = photo.read_bytes()
    photo.unlink()
    assert shop.night("first")["failed"] == 1
    photo.write_bytes(content)
    mended = mend(shop.catalog, ["failed"], Stamp.at_once("retry"))
    assert mended.photos == 1
    drawn = draw_missing(shop.catalog, lambda: shop.engine, range(SHARDS), Stamp.at_once("retry"))
    assert (drawn.generated, drawn.failed) == (1, 0)
    assert shop.query("SELECT count(*) FROM cutouts WHERE run_id = 'retry'") == [(1,)]


def test_the_gallery_shows_cutouts(shop: Shop) -> None:
    shop.night("first")
    page = write_catalog_gallery(shop.catalog)
    masks = shop.query("SELECT mask_sha256 FROM cutouts WHERE mask_sha256 <> ''")
    for (mask,) in masks:
        shown = read_image(page.parent / "photos" / f"{mask}.jpg")
        assert np.abs(shown[0, 0].astype(int) - 128).max() < 4
        assert np.abs(shown[48, 48].astype(int) - 128).max() > 30


def test_a_damaged_mask_is_found(shop: Shop) -> None:
    shop.night("first")
    assert verify(shop.catalog.store, shop.catalog.outbox).damaged == ()
    with shop.catalog.store.writing() as connection:
        connection.execute(
            """
            UPDATE image_bytes SET bytes = 'x'::BLOB
            WHERE sha256 = (SELECT min(mask_sha256) FROM cutouts WHERE mask_sha256 <> '')
            """
        )
    (damage,) = verify(shop.catalog.store, shop.catalog.outbox).damaged
    assert damage.kind == "mask"
