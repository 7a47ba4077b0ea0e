"""Channel passports of stored pictures: current rules, future rules, and a changed rule."""

from datetime import date
from pathlib import Path

from catalog_gen.judging.passports import Stamped
from catalog_gen.stages.passports import Stamper, stamp_picture
from tests.pipeline.shop import Shop, open_shop

TODAY = date(2026, 11, 21)
COMING = """
[[google.rules]]
fact = "shorter_side"
at_least = 500
since = 2027-01-31
says = "the shorter side has {value} pixels"
"""


def stamped(shop: Shop, image_id: str, day: date = TODAY) -> dict[str, Stamped]:
    catalog = shop.catalog
    with catalog.store.reading() as connection:
        return stamp_picture(connection, Stamper.of(catalog.settings, day), image_id, "main")


def test_a_changed_rule_is_reported_at_once_and_draws_nothing(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    shop.night("first")
    drawn = shop.query("SELECT image_id, sha256 FROM images ORDER BY ALL")
    image_id = str(drawn[0][0])
    before = stamped(shop, image_id)
    assert not before["google"].passed
    assert before["google"].failures == ("the shorter side has 32 pixels (at least 100)",)

    rules = shop.folder / "passports.toml"
    text = rules.read_text("utf-8").replace("at_least = 100", "at_least = 30")
    rules.write_text(text + COMING, "utf-8")
    after = stamped(shop, image_id)
    assert after["google"].passed
    assert not after["meta"].passed
    coming = [check.words for check in after["google"].checks if check.outcome == "coming"]
    assert coming == ["the shorter side has 32 pixels (at least 500): will fail from 2027-01-31 on"]
    assert not stamped(shop, image_id, date(2027, 1, 31))["google"].passed

    text = shop.config.read_text("utf-8").replace("[feed]", "[upscale]\nat_most = 16\n[feed]")
    shop.config.write_text(text, "utf-8")
    meta = stamped(shop, image_id)["meta"]
    assert meta.passed
    assert meta.checks[-1].words == "an export enlarges it from 32x32 ([upscale])"

    night = shop.night("second")
    assert (night["planned"], night["generated"]) == (0, 0)
    assert shop.query("SELECT image_id, sha256 FROM images ORDER BY ALL") == drawn
