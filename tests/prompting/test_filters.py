"""Filters: titles without noise, lists, sentences, a model's words."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.dialects.dialect import GENERIC
from catalog_gen.dialects.files import load_dialect
from catalog_gen.prompting.filters import (
    clean_title,
    filters_of,
    first_sentence,
    join_list,
)

WORDS = Path(__file__).parents[2] / "data" / "models" / "studio" / "studio.json"
FILTERS: dict[str, Callable[[str], str]] = dict(filters_of(GENERIC))
for _name in load_dialect(WORDS).attributes:
    FILTERS[f"words {_name}"] = partial(filters_of(load_dialect(WORDS))["words"], attribute=_name)
FILTERS["words"] = partial(filters_of(GENERIC)["words"], attribute="colour")
FILTERS["counted"] = partial(filters_of(load_dialect(WORDS))["counted"], count="two")


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ("Hearthside Stoneware Coffee Mug, 350 ml", "Hearthside Stoneware Coffee Mug"),
        ("HEXAR PRO GAMING HEADSET (SKU: HX-2041)", "Hexar Pro Gaming Headset"),
        ("CAMPOUT Steel Mugs, Set of 2 - NEW!", "Campout Steel Mugs"),
        ("Desk Lamp LED 8 W #20931 *SALE*", "Desk Lamp LED"),
        ("KIDS' BOTTLE, DON'T SPILL!!! 2-pack", "Kids' Bottle, Don't Spill"),
        ("Storage Box 12 x 8.5 cm | Free shipping", "Storage Box"),
        ("Apple MacBook Sleeve", "Apple MacBook Sleeve"),
        ("Norr No. 7", "Norr No. 7"),
        ("Sneaker - New Balance 574, Grey", "Sneaker - New Balance 574, Grey"),
        ("T-Shirt | New York Skyline", "T-Shirt | New York Skyline"),
        ("Cap \u2013 New Era Classic", "Cap \u2013 New Era Classic"),
        ("Wall Art 3 Piece Canvas", "Wall Art Canvas"),
        ("Tesla Model 3 Toy Car", "Tesla Model 3 Toy Car"),
        ("Bowl - New - Art. 4411", "Bowl"),
        ("Mug, Model no. 12-A", "Mug"),
        ("Mug &amp; Saucer \U0001f525\U0001f525 Acme\u2122", "Mug & Saucer Acme"),
        ("\u2764\ufe0f Gift Mug | Sale!", "Gift Mug"),
    ],
)
def test_clean_title(title: str, clean: str) -> None:
    assert clean_title(title) == clean


def test_join_list() -> None:
    assert join_list("oak") == "oak"
    assert join_list("oak, steel") == "oak and steel"
    assert join_list("oak| steel |, felt") == "oak, steel and felt"
    assert join_list(" , ") == ""


def test_first_sentence() -> None:
    assert first_sentence("Made in Africa. Washable.") == "Made in Africa"
    assert first_sentence("By (approx. 1950) Dr. Who. Old.") == "By (approx. 1950) Dr. Who"
    assert first_sentence("Holds approx. 350 ml. Safe in the dishwasher.") == "Holds approx. 350 ml"
    assert first_sentence("Weighs 1.5 kg! Light.") == "Weighs 1.5 kg"
    assert first_sentence("One line") == "One line"


def test_words_pass_unchanged_for_a_model_without_a_dialect() -> None:
    filters = filters_of(GENERIC)
    assert filters["words"]("Crimson", "colour", "Blue mug") == "Crimson"
    assert filters["words"]("", "colour", "Blue mug") == ""
    assert filters["counted"]("mug", "two") == "mug"


@given(st.sampled_from(sorted(FILTERS)), st.text(max_size=200))
def test_every_filter_takes_any_text(name: str, text: str) -> None:
    assert isinstance(FILTERS[name](text), str)


@pytest.mark.parametrize("unit", ["a-", "1,", "ref-", "( ", ".)", "item ", "1 x "])
@pytest.mark.parametrize("name", sorted(FILTERS))
def test_long_hostile_text_stays_cheap(name: str, unit: str) -> None:
    assert len(FILTERS[name](unit * 10_000)) <= 20_000 * len(unit)
