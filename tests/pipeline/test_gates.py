"""The gates that keep a night's pictures from going live, and rollbacks."""

from pathlib import Path

import pytest

from catalog_gen.errors import CorruptionError, InputError
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.publication import publish_best, release, roll_back
from catalog_gen.store.gates import last_gates
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.store.shop import spoil

GREEN = ROWS | {"sku-2": ("Blue Mug", "mug", "green", "9.00 EUR")}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def live(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("SELECT product_id, image_id FROM live_images ORDER BY ALL")


def held_back(shop: Shop, run_id: str) -> str:
    return publish_best(shop.catalog, shop.scorer.scorer_hash, Stamp.at_once(run_id)).held_back


def failed_gates(shop: Shop) -> list[str]:
    with shop.catalog.store.reading() as connection:
        gates = last_gates(connection)
    assert gates is not None
    assert gates.publication_id is None
    return [gate.gate for gate in gates.gates if not gate.passed]


def test_a_low_pass_rate_keeps_the_live_set_and_is_reported(shop: Shop) -> None:
    shop.night("first")
    before = live(shop)
    with shop.catalog.store.writing() as connection:
        connection.execute(
            """
            UPDATE verdicts SET decision = 'rejected'
            WHERE image_id NOT IN (SELECT image_id FROM live_images)
            """
        )
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("[publish]", "[publish]\nmin_pass_rate = 0.8"), "utf-8")
    assert "3 of 6 judged pictures are accepted" in held_back(shop, "second")
    assert failed_gates(shop) == ["pass rate"]
    assert live(shop) == before


def test_a_damaged_picture_never_goes_live(shop: Shop) -> None:
    shop.night("first", budget=0)
    assert live(shop) == []
    assert failed_gates(shop) == ["coverage"]
    catalog = shop.catalog
    shop.night("second")
    shop.write_feed(GREEN)
    shop.night("third")
    with catalog.store.writing() as connection:
        connection.execute("DELETE FROM publication_items")
    for (address,) in shop.query("SELECT sha256 FROM images"):
        spoil(catalog.store, str(address), b"other")
    assert "gone or damaged" in held_back(shop, "fourth")
    assert failed_gates(shop) == ["integrity"]
    with catalog.store.writing() as connection:
        connection.execute(
            "INSERT INTO publication_items SELECT product_id, ledger.view, recipe_id, 1, 2 "
            "FROM ledger JOIN prompts USING (prompt_id)"
        )
    with pytest.raises(CorruptionError, match="what is live stays live"):
        roll_back(catalog, 1, Stamp.at_once("rollback"))


@pytest.mark.slow
def test_a_rollback_holds_until_it_is_released(shop: Shop) -> None:
    with pytest.raises(InputError, match="no publication before"):
        roll_back(shop.catalog, None, Stamp.at_once("rollback"))
    shop.night("first")
    blue = live(shop)
    shop.write_feed(GREEN)
    shop.night("second")
    green = live(shop)
    assert green != blue

    made = roll_back(shop.catalog, None, Stamp.at_once("rollback"))
    assert (made.publication_id, made.restored, made.added, made.removed) == (3, 1, 1, 1)
    assert live(shop) == blue
    page = write_catalog_gallery(shop.catalog)
    assert "Publication 3" in page.read_text("utf-8")
    for (sha256,) in shop.query("SELECT sha256 FROM live_images"):  # the feed names these files
        assert (page.parent / "images" / f"{sha256}.png").is_file()
    assert "rollback --release" in held_back(shop, "third")
    assert live(shop) == blue
    with pytest.raises(InputError, match="no publication before"):
        roll_back(shop.catalog, None, Stamp.at_once("again"))  # and not forward to the green one

    assert release(shop.catalog, Stamp.at_once("release"))
    assert not release(shop.catalog, Stamp.at_once("release"))
    assert held_back(shop, "fourth") == ""
    assert live(shop) == green
    assert shop.query("SELECT publication_id, restored FROM publication_log ORDER BY ALL") == [
        (1, None),
        (2, None),
        (3, 1),
        (4, None),
    ]

    shop.write_feed(ROWS | {"sku-2": ("Pink Mug", "mug", "pink", "9.00 EUR")})
    shop.night("fifth")
    for restored in (4, 1):
        assert roll_back(shop.catalog, None, Stamp.at_once("rollback")).restored == restored
    with pytest.raises(InputError, match="no publication before"):
        roll_back(shop.catalog, None, Stamp.at_once("again"))  # 2 was taken back in between
