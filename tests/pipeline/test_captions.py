"""Photos captioned when the feed is read: once, with lineage, and as findings alone."""

import csv
import json
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.checks import feed_quality
from catalog_gen.catalog.product import Product
from catalog_gen.dialects.files import load_dialect
from catalog_gen.imaging.encode import encode_png
from catalog_gen.stages.captions import CaptionCount, caption_photos, findings
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.products import REFERENCE_HASH, record_products
from resources.deployments import resources_for
from tests.judging.drawn import RED, product
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.tiny.captioner import WORDS, write_tiny_captioner


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop whose first product has a photo, and the second one that is no picture."""
    opened = open_shop(tmp_path)
    model = write_tiny_captioner(tmp_path / "captioner")
    settings = f'\n[captions]\nmodel = "{model}"\nat_least = 0.0\n'
    opened.config.write_text(opened.config.read_text("utf-8") + settings, "utf-8")
    with (tmp_path / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price", "reference_image"))
        writer.writerows((key, *row, f"{key}.png") for key, row in ROWS.items())
    (tmp_path / "photos" / "sku-1.png").write_bytes(encode_png(product(RED, side=96)))
    (tmp_path / "photos" / "sku-2.png").write_text("no picture", "utf-8")
    return opened


def test_a_photo_is_captioned_once_and_changes_no_product(shop: Shop) -> None:
    record_products(shop.catalog, take_feed(shop.catalog), Stamp.at_once("first"))
    rows = shop.query("SELECT text, confidence, pieces, made_by, problem, run_id FROM captions")
    (good, bad) = sorted(rows, key=lambda row: str(row[4]))
    assert good[0]
    assert 0 < float(str(good[1])) <= 1
    assert "".join(text for text, _ in json.loads(str(good[2]))).strip() == good[0]
    assert json.loads(str(good[3]))["architecture"] == "VisionEncoderDecoderModel"
    assert (bad[0], good[5]) == ("", "first")
    assert "is not one of" in str(bad[4])
    ((summary,),) = shop.query("SELECT summary FROM runs")
    assert json.loads(str(summary))["captions"] == {"made": 1, "failed": 1}
    assert shop.query("SELECT count(*) FROM active_products WHERE description <> ''") == [(0,)]

    ((digest,),) = shop.query(
        "SELECT attributes['reference_sha256'] FROM products WHERE product_id = 'sku-1'"
    )
    same = Product(
        "sku-9", "Other", reference="sku-1.png", attributes={REFERENCE_HASH: str(digest)}
    )
    again = caption_photos(shop.catalog, [same], REFERENCE_HASH, Stamp.at_once("second"))
    assert again == CaptionCount(0, 0)

    found = findings(shop.catalog, load_dialect(WORDS.parent / "studio.json"), REFERENCE_HASH)
    assert {each.product_id for each in found} == {"sku-1"}
    assert found[0].field == "description"
    assert (found[0].kind, found[0].word) == ("suggested", good[0])


def checked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dg.AssetCheckResult:
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    result = feed_quality(catalog=resources_for("local")["catalog"])
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_the_check_of_the_feed_warns_of_what_photos_dispute(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shop.config.read_text("utf-8")
    words = text.replace("[model]", f'[model]\ndialect = "{WORDS.parent / "studio.json"}"')
    shop.config.write_text(words, "utf-8")
    record_products(shop.catalog, take_feed(shop.catalog), Stamp.at_once("first"))
    calm = checked(shop, monkeypatch)
    assert calm.passed
    assert "photos dispute 0 values and suggest 1" in str(calm.description)

    blue = write_tiny_captioner(tmp_path / "blue", seed=12)  # says "blue" of every photo
    shop.config.write_text(words.replace(str(tmp_path / "captioner"), str(blue)), "utf-8")
    record_products(shop.catalog, take_feed(shop.catalog), Stamp.at_once("second"))
    alarmed = checked(shop, monkeypatch)
    assert not alarmed.passed
    assert alarmed.severity is dg.AssetCheckSeverity.WARN
    assert "photos dispute 1 values and suggest 1" in str(alarmed.description)
    assert "`sku-1`: disputed colour: blue" in str(alarmed.metadata["photos"].value)
    assert "the feed says red" in str(alarmed.metadata["photos"].value)


def test_without_the_section_nothing_is_captioned(shop: Shop) -> None:
    text = shop.config.read_text("utf-8").partition("\n[captions]")[0]
    shop.config.write_text(text, "utf-8")
    record_products(shop.catalog, take_feed(shop.catalog), Stamp.at_once("first"))
    assert shop.query("SELECT count(*) FROM captions") == [(0,)]
    assert findings(shop.catalog, load_dialect(WORDS.parent / "studio.json"), "x") == []
