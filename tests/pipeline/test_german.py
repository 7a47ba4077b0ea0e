"""A model with a German dialect is planned, drawn and scored like any other."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog_gen.fingerprint import SHARDS
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.scores import score_images
from tests.pipeline.shop import Shop, open_shop

WORDS: dict[str, Any] = {
    "name": "das Teemodell",
    "remedy": "set model.id to another model",
    "attributes": {
        "category": {
            "reads": "thing",
            "names": {
                "Teekanne": ["Teekanne", "Teekannen", "Kanne", "Kannen"],
                "Samowar": ["Samowar", "Samoware"],
            },
            "others": ["Gießkanne", "Gießkannen", "Deckel"],
            "openings": ["Set aus"],
            "tails": ["mit", "aus", "für", "von"],
            "joints": ["und"],
        },
        "colour": {
            "reads": "single",
            "names": {"lindgrün": ["lindgrün", "salbei"], "türkis": ["türkis"], "rot": ["rot"]},
            "others": ["beige"],
        },
        "finish": {
            "reads": "first",
            "tiers": [{"glasiert": ["glasiert"]}, {"glasiert": ["Keramik"], "blank": ["Kupfer"]}],
            "unsaid": "blank",
        },
        "count": {
            "reads": "count",
            "numbers": {"eine": 1, "zwei": 2},
            "spoken": {"zwei": 2, "drei": 3},
            "packs": ["#er Set", "Set aus #"],
            "phrases": {"ein Paar": 2},
        },
    },
    "plurals": {"Teekanne": "Teekannen", "Samowar": "Samoware"},
}
ASKS = """
[asks]
category = "{{ category | words('category', title) }}"
colour = "{{ colour | words('colour', title) }}"
finish = "{{ finish | words('finish', title) }}"
count = "{{ count | words('count', title) }}"
[views.packshot]
template = "{{ count }} {{ finish }} {{ category | counted(count) }} in {{ colour }}"
"""
ROWS = {
    "k-1": ("Kanne aus Keramik", "Tee > Teekannen", "Salbei", "9.00 EUR"),
    "k-2": ("2er Set Samoware, Kupfer", "", "türkis", "9.00 EUR"),
    "k-3": ("Gießkanne rot", "Garten > Gießkannen", "rot", "9.00 EUR"),
    "k-4": ("Teekanne", "Teekannen", "beige", "9.00 EUR"),
    "k-5": ("Teekanne, Set aus drei", "Teekannen", "rot", "9.00 EUR"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = open_shop(tmp_path)
    (tmp_path / "model" / "studio.json").write_text(json.dumps({"dialect": WORDS}), "utf-8")
    text = opened.config.read_text("utf-8").replace(
        '[views.packshot]\ntemplate = "{{ colour }} {{ category }}"\n', ASKS.lstrip()
    )
    opened.config.write_text(text, "utf-8")
    opened.write_feed(ROWS)
    return opened


def test_its_products_are_planned_in_its_words(shop: Shop) -> None:
    shop.night("first")
    rows = shop.query("SELECT product_id, prompt, asked, unsupported FROM prompts ORDER BY ALL")
    said = {row[0]: row[1] for row in rows}
    assert said["k-1"] == "eine glasiert Teekanne in lindgrün"
    assert said["k-2"] == "zwei blank Samoware in türkis"
    asked: dict[object, Any] = {row[0]: row[2] for row in rows}
    assert asked["k-2"] == {
        "category": "Samowar",
        "colour": "türkis",
        "count": "zwei",
        "finish": "blank",
    }
    reasons = {row[0]: str(row[3]) for row in rows if row[3]}
    assert reasons.keys() == {"k-3", "k-4", "k-5"}
    assert reasons["k-3"].startswith("category 'Gießkannen' is not among the 2 that das")
    assert reasons["k-4"].startswith("colour 'beige' is not among the 3")
    assert reasons["k-5"].startswith("count '3' is not among the 2 that das Teemodell draws (eine")
    assert {each.product_id for each in make_plan(shop.catalog).unsupported} == set(reasons)


def test_its_pictures_are_contrasted_in_its_words(shop: Shop) -> None:
    shop.night("first")
    rows = shop.query(
        """
        SELECT DISTINCT product_id, signals::JSON -> 'contrasts' FROM lineage
        """
    )
    found = {str(product_id): json.loads(str(contrasts)) for product_id, contrasts in rows}
    assert found.keys() == {"k-1", "k-2"}
    for contrasts in found.values():
        assert contrasts.keys() == {"category", "colour", "count", "finish"}
        for name, each in contrasts.items():
            assert 0 < each["probability"] < 1
            vocabulary = shop_words(name)
            assert each["seen"] in vocabulary
            assert each["asked"] in vocabulary
    assert found["k-2"]["count"]["asked"] == "zwei"


def shop_words(attribute: str) -> set[str]:
    read = WORDS["attributes"][attribute]
    tables = read.get("tiers") or [read.get("names") or read["numbers"]]
    return {word for table in tables for word in table}


def test_other_words_are_another_template(shop: Shop) -> None:
    shop.night("first")
    assert make_plan(shop.catalog).items == ()
    words = json.loads(json.dumps(WORDS))
    words["attributes"]["colour"]["names"]["beige"] = ["beige"]
    words["attributes"]["colour"]["others"] = []
    mine = shop.folder / "mine.json"
    mine.write_text(json.dumps({"dialect": words}), "utf-8")
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("[model]", '[model]\ndialect = "mine.json"'), "utf-8")
    plan = make_plan(shop.catalog)
    assert {(item.product_id, item.reason) for item in plan.items} == {("k-4", "template")}
    assert {each.product_id for each in plan.unsupported} == {"k-3", "k-5"}


def test_a_wish_that_todays_template_words_differently_has_no_contrasts(shop: Shop) -> None:
    """Scored after the template was changed and before the next plan."""
    shop.night("first")
    with shop.catalog.store.writing() as connection:
        connection.execute("DELETE FROM scores")
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace(" in {{ colour }}", ", {{ brand }}"), "utf-8")
    done = score_images(shop.catalog, shop.scorer, range(SHARDS), Stamp.at_once("later"))
    assert done.scored == 4
    rows = shop.query("SELECT DISTINCT signals::JSON ->> 'contrasts' FROM scores")
    assert rows == [("{}",)]


def test_values_cut_from_the_prompt_have_no_contrast(shop: Shop) -> None:
    text = shop.config.read_text("utf-8")
    long = "mit " * 80
    template = f"{{{{ category }}}}, {long}, in {{{{ colour }}}}"
    old = "{{ count }} {{ finish }} {{ category | counted(count) }} in {{ colour }}"
    shop.config.write_text(text.replace(old, template), "utf-8")
    shop.night("first")
    assert shop.query("SELECT DISTINCT prompt FROM prompts WHERE product_id = 'k-1'") == [
        ("Teekanne",)
    ]
    rows = shop.query("SELECT DISTINCT json_keys(signals::JSON -> 'contrasts') FROM scores")
    assert rows == [(["category"],)]
