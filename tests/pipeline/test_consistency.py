"""The checks on how live pictures fit each other, over a stored shop."""

import json
from pathlib import Path

import dagster as dg

from resources.catalog import CatalogResource
from tests.pipeline.shop import Shop, open_shop

#: What a good picture of the pair measures; CIELAB of a plain red and a plain blue.
FRAMING = {"fill": 0.8, "off_centre": 0.01, "border_lightness": 100.0, "unevenness": 0.2}
RED, BLUE = [45.0, 62.0, 40.0], [40.0, 25.0, -65.0]


def plant(shop: Shop, product_id: str, **measured: object) -> None:
    """Let the scorer have measured this on all pictures of a product."""
    with shop.catalog.store.writing() as connection:
        rows = connection.execute(
            "SELECT image_id, signals FROM scores JOIN live_images USING (image_id) "
            "WHERE product_id = ?",
            [product_id],
        ).fetchall()
        assert rows
        for image_id, signals in rows:
            planted = json.dumps({**json.loads(signals), **measured})
            connection.execute(
                "UPDATE scores SET signals = ? WHERE image_id = ?", [planted, image_id]
            )


def checked(shop: Shop) -> dict[str, dg.AssetCheckResult]:
    from assets_defs.checks import live_pictures_fit

    resource = CatalogResource(config=str(shop.config), home=str(shop.home.root))
    results = live_pictures_fit(catalog=resource)
    return {str(each.check_name): each for each in results}


def findings(result: dg.AssetCheckResult) -> list[str]:
    value = result.metadata["findings"].value
    assert isinstance(value, list)
    return [str(each) for each in value]


def test_a_planted_swap_warns_and_changes_nothing(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    (shop.folder / "feed.csv").write_text(
        "id,title,product_type,color,item_group_id\n"
        "red,Red Mug,mug,red,mugs\n"
        "blue,Blue Mug,mug,blue,mugs\n",
        "utf-8",
    )
    shop.night("first")
    live = shop.query("SELECT product_id, image_id FROM live_images ORDER BY ALL")
    plant(shop, "red", **FRAMING, colour_lab=RED)
    plant(shop, "blue", **FRAMING, colour_lab=BLUE)
    good = checked(shop)
    assert {name: each.passed for name, each in good.items()} == {
        "group_look": True,
        "category_look": True,
        "sibling_colours": True,
    }

    plant(shop, "red", colour_lab=BLUE)
    plant(shop, "blue", colour_lab=RED, fill=0.4)
    bad = checked(shop)
    assert {name: each.passed for name, each in bad.items()} == {
        "group_look": False,
        "category_look": True,
        "sibling_colours": False,
    }
    assert all(each.severity == dg.AssetCheckSeverity.WARN for each in bad.values())
    assert [each.split(":")[0] for each in findings(bad["sibling_colours"])] == [
        "blue packshot",
        "red packshot",
    ]
    assert "fill" in findings(bad["group_look"])[0]
    assert shop.query("SELECT product_id, image_id FROM live_images ORDER BY ALL") == live
