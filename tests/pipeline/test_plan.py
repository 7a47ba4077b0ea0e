"""The plan predicts the night: a refresh does not refuse what the plan accepts."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog_gen.cli import plan as command
from catalog_gen.cli.doctor import examine
from catalog_gen.cli.preflight import problems, require
from catalog_gen.errors import CatalogError, ConfigError
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.products import record_products
from tests.pipeline.shop import ROWS, Shop, open_shop

EDITED = """
[views.edited]
template = "{{ colour }} {{ category }}"
method = { name = "img2img", strength = 0.3 }
steps = 4
width = 32
height = 32
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with recorded products and nothing drawn."""
    opened = open_shop(tmp_path_factory.mktemp("planned"))
    opened.write_feed(ROWS | {f"sku-{number}": ROWS["sku-1"] for number in range(4, 9)})
    record_products(opened.catalog, take_feed(opened.catalog), Stamp.at_once("first"))
    return opened


@pytest.fixture(autouse=True)
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_HOME", str(shop.home.root))
    monkeypatch.delenv("CATALOG_DEPLOYMENT", raising=False)


def feed(folder: Path, rows: dict[str, tuple[str, ...]]) -> Path:
    path = folder / "feed.csv"
    header = ("id", "title", "product_type", "color", "price", "reference_image")
    lines = [",".join((key, *row)) for key, row in rows.items()]
    path.write_text("\n".join([",".join(header), *lines]), "utf-8")
    return path


def planned(shop: Shop, capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, Any]:
    code = command.run(shop.config, path, None, True)
    return code, json.loads(capsys.readouterr().out)


def test_products_rows_and_their_reasons(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {key: (*row, "") for key, row in ROWS.items()}
    rows |= {f"sku-{number}": (*ROWS["sku-1"], "") for number in range(5, 9)}
    rows |= {"sku-2": ("Blue Mug", "mug", "green", "9.00 EUR", "")}
    rows |= {"sku-9": ("New Mug", "mug", "red", "9.00 EUR", ""), "sku-10": ("", "", "", "", "")}
    code, plan = planned(shop, capsys, feed(tmp_path, rows))
    assert code == 0
    assert plan["product_changes"] == {
        "added": [{"product_id": "sku-9", "title": "New Mug"}],
        "changed": [{"product_id": "sku-2", "title": "Blue Mug"}],
        "retired": [{"product_id": "sku-4", "title": "Red Mug"}],
    }
    (rejection,) = plan["rejections"]
    assert (rejection["product_id"], rejection["rule"]) == ("sku-10", "a product needs a title")
    assert plan["stops"] == []
    assert "error" not in plan
    command.run(shop.config, tmp_path / "feed.csv", None, False)
    printed = capsys.readouterr().out
    assert "+ 1 added   ~ 1 changed   - 1 retired" in printed
    assert "line 10 (sku-10), title '': a product needs a title" in printed


def test_a_shrunk_feed_stops_the_plan_as_it_would_the_refresh(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = feed(tmp_path, {"sku-1": (*ROWS["sku-1"], "")})
    code, plan = planned(shop, capsys, path)
    assert code == 2
    assert plan["error"] == plan["stops"][0]
    assert "lacks 7 of 8 active products" in plan["error"]["rule"]
    assert len(plan["product_changes"]["retired"]) == 7
    command.run(shop.config, path, None, False)
    assert "A refresh would stop" in capsys.readouterr().out


def test_a_missing_photo_is_reported_with_its_product(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = shop.folder / "edited.toml"
    config.write_text(shop.config.read_text("utf-8") + EDITED, "utf-8")
    rows = dict.fromkeys(("sku-1", "sku-2"), (*ROWS["sku-1"], "gone.png"))
    rows |= {f"sku-{number}": (*ROWS["sku-1"], "") for number in range(3, 9)}
    assert command.run(config, feed(tmp_path, rows), None, True) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [each["product_id"] for each in plan["photos"]] == ["sku-1", "sku-2"]
    assert "gone.png" in plan["photos"][0]["why"]


def test_reasons_for_held_back_pictures_are_reported(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rubric = shop.folder / "rubric.toml"
    before = rubric.read_text("utf-8")
    rubric.write_text(before.replace("calibrated = true", "calibrated = false"), "utf-8")
    try:
        _, plan = planned(shop, capsys, shop.folder / "feed.csv")
    finally:
        rubric.write_text(before, "utf-8")
    (gate,) = plan["gates"]
    assert "not calibrated for any scorer" in gate


WRONG = {
    "cron": ("[publish]", '[schedule]\ncron = "0 26 * * *"\n[publish]'),
    "time zone": ("[publish]", '[schedule]\ntimezone = "Europe/Berln"\n[publish]'),
    "rubric": ('"rubric.toml"', '"none.toml"'),
    "passports": ('"passports.toml"', '"none.toml"'),
    "lettering": ("[feed]", 'lettering = "none.safetensors"\n[feed]'),
    "critic": ("[feed]", '[critic]\nweights = "none"\nid = "model"\n[feed]'),
    "critic's model": ("[feed]", '[critic]\nweights = "none"\nid = "nowhere"\n[feed]'),
    "critic's kind": ("[feed]", '[critic]\nkind = "prefernce"\nid = "model"\n[feed]'),
    "critic's weights": ("[feed]", '[critic]\nid = "model"\n[feed]'),
    "critic's settings": (
        "[feed]",
        '[critic]\nkind = "preference"\nid = "model"\nweights = "none"\n[feed]',
    ),
    "preference": ("[feed]", '[critic]\nkind = "preference"\nid = "model"\n[feed]'),
    "questions": ("[feed]", '[critic]\nkind = "questions"\nid = "model"\n[feed]'),
    "photos": ('["photos"]', '["nowhere"]'),
    "scorer": ("local-dir:", "local-dir:nowhere"),
    "scorer's name": ('id = "local-dir:', 'id = "ViT-B-23:laion2b" # "'),
    "scheduler": ("candidates = 2", 'scheduler = "ddmi"'),
    "dialect": ("[model]", '[model]\ndialect = "none.json"'),
    "pin": ("[model]", f'[model]\nsha256 = "{"0" * 64}"'),
    "credentials": ("[feed]", '[credentials]\ncertificates = "c"\nprivate_key = "k"\n[feed]'),
}


@pytest.mark.parametrize("what", WRONG)
def test_refresh_plan_and_doctor_refuse_alike(shop: Shop, what: str) -> None:
    config = shop.folder / "wrong.toml"
    old, new = WRONG[what]
    text = shop.config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(CatalogError) as refused:
        require(Catalog.open(config, shop.home))  # what a refresh begins with
    message = str(refused.value)
    with pytest.raises(CatalogError) as stopped:
        command.run(config, None, None, True)
    assert str(stopped.value) == message
    assert refused.value.exit_code == 2
    if what in ("cron", "time zone"):
        return  # the doctor reads the same settings and gets no further
    catalog = Catalog.open(config, shop.home)
    faults = [each for each in examine(catalog.settings, catalog.home) if each.state == "fault"]
    assert any(each.message in message and each.remedy for each in faults)


def test_a_deployment_is_checked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_DEPLOYMENT", "prod")
    with pytest.raises(ConfigError, match="'prod' is none of: local, gpu"):
        command.run(shop.config, None, None, True)
    monkeypatch.setenv("CATALOG_DEPLOYMENT", "local")
    assert command.run(shop.config, None, None, True) == 0


def test_the_shop_s_own_critic_is_looked_for(shop: Shop) -> None:
    record = '\n[scorers.default.critic]\nweights = "gone.safetensors"\n'
    rest = (
        f'sha256 = "{"0" * 64}"\nlabels = 200\nrejected = 40\nauroc = 0.9\nfound_on = 2026-11-25\n'
        f'reviews = "{"0" * 64}"\n'
    )
    rubric = shop.folder / "taught.toml"
    before, rules = (shop.folder / "rubric.toml").read_text("utf-8").split("[[rules]]", 1)
    rubric.write_text(f"{before}{record}{rest}[[rules]]{rules}", "utf-8")
    config = shop.folder / "taught-catalog.toml"
    text = shop.config.read_text("utf-8")
    config.write_text(text.replace('"rubric.toml"', '"taught.toml"'), "utf-8")
    with pytest.raises(CatalogError, match=r"gone\.safetensors"):
        require(Catalog.open(config, shop.home))


def test_several_problems_are_reported_at_once(shop: Shop) -> None:
    config = shop.folder / "worse.toml"
    text = shop.config.read_text("utf-8").replace('"rubric.toml"', '"none.toml"')
    config.write_text(text.replace('["photos"]', '["nowhere"]'), "utf-8")
    catalog = Catalog.open(config, shop.home)
    assert len(list(problems(catalog))) == 2
    with pytest.raises(CatalogError, match="2 things would stop a refresh") as caught:
        require(catalog)
    assert caught.value.exit_code == 2
    assert "none.toml" in str(caught.value)
    assert "nowhere" in str(caught.value)
