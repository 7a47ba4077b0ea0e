"""A shop's words in the studio model's vocabulary, only where they are unambiguous."""

from pathlib import Path

import pytest

from catalog_gen.dialects.dialect import Dialect
from catalog_gen.dialects.files import load_dialect
from studio.captions import NUMBERS, SYNONYMS
from studio.training.export import export_words
from studio.vocabulary import CATEGORIES, COLOURS, COUNTS, MATERIALS

WORDS = Path(__file__).parents[2] / "data" / "models" / "studio" / "studio.json"


@pytest.fixture(scope="module")
def studio() -> Dialect:
    return load_dialect(WORDS)


def test_the_models_dialect_file_is_the_studios_export(tmp_path: Path) -> None:
    export_words(tmp_path / "studio.json", 128)
    assert (tmp_path / "studio.json").read_text() == WORDS.read_text()


def test_its_words_are_the_models_vocabulary(studio: Dialect) -> None:
    assert dict(studio.vocabularies) == {
        "category": CATEGORIES,
        "colour": COLOURS,
        "material": MATERIALS,
        "count": tuple(NUMBERS[count] for count in COUNTS),
    }


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Hearthside Stoneware Coffee Mug, 350 ml", "mug"),
        ("Norr Eau de Parfum Bottle, 100 ml", "perfume bottle"),
        ("Set of 2 Water Bottles", "bottle"),
        ("Arkwright Desk Lamp with Mug Holder", "table lamp"),
        ("Home > Kitchen > Drinkware > Mugs", "mug"),
        ("Health & Beauty > Perfume & Cologne", "perfume bottle"),
        ("Headphones & Headsets", "headphones"),
        ("Gaming Mice", "gaming mouse"),
        ("Bistrot Folding Chair", "chair"),
        ("Mugs / Coffee Cups", "mug"),
        ("Vases & Bowls", ""),
        ("Watches > Straps", ""),
        ("Air fryer cookbook", ""),
        ("Poster of a mug", ""),
        ("Watch strap", ""),
        ("Chair cushion", ""),
        ("Air fryer liners", ""),
        ("Headphone stand", ""),
        ("Lid for water bottle", ""),
        ("Hot Water Bottle", ""),
        ("Velvet armchair", ""),
        ("Mouse pad", ""),
        ("Stopwatch", ""),
        ("", ""),
    ],
)
def test_category(studio: Dialect, text: str, category: str) -> None:
    assert studio.word("category", text) == category


def test_every_synonym_of_the_captions_is_understood(studio: Dialect) -> None:
    for category, names in SYNONYMS.items():
        for singular, plural in names:
            assert studio.word("category", singular) == category
            assert studio.word("category", plural) == category


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("Navy", "blue"),
        ("Navy Blue", "blue"),
        ("charcoal", "grey"),
        ("Gray", "grey"),
        ("Ivory", "white"),
        ("crimson", "red"),
        ("teal", ""),
        ("Beige", ""),
        ("White/Gold", ""),
        ("Black, Red", ""),
        ("Fred's bored", ""),
    ],
)
def test_colour(studio: Dialect, text: str, colour: str) -> None:
    assert studio.word("colour", text) == colour


@pytest.mark.parametrize(
    ("text", "material"),
    [
        ("Stoneware", "glossy"),
        ("Stainless steel", "metallic"),
        ("Matte ceramic", "matte"),
        ("Leather", "matte"),
        ("Borosilicate glass", "glass"),
        ("Plastic", "glossy"),
        ("Fibreglass", ""),
        ("Glass fibre", ""),
        ("Sapphire crystal, stainless steel", "metallic"),
        ("Rattan", ""),
    ],
)
def test_material(studio: Dialect, text: str, material: str) -> None:
    assert studio.word("material", text) == material


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2", "two"),
        ("Mugs, Set of Two", "two"),
        ("Pair of vases", "two"),
        ("Bottle 2-pack", "two"),
        ("2pk bottle", "two"),
        ("2 x Mug", "two"),
        ("4-Pack Bowls", "4"),
        ("Set of 120 bowls", "120"),
        ("Pair of headphones", "one"),
        ("Mug 350 ml", "one"),
        ("Air fryer with 2 drawers", "one"),
    ],
)
def test_count(studio: Dialect, text: str, count: str) -> None:
    assert studio.word("count", text) == count
    assert studio.number(count) == {"one": 1, "two": 2, "4": 4, "120": 120}[count]


def test_the_studio_words_are_their_own_translation(studio: Dialect) -> None:
    for attribute, words in studio.vocabularies.items():
        assert [studio.word(attribute, word) for word in words] == list(words)


def test_own_fields_come_before_the_title(studio: Dialect) -> None:
    title = "Red glass bowl"
    assert studio.word("category", "Vases", title) == "vase"
    assert studio.word("category", "Sale", title) == "bowl"
    assert studio.word("colour", "Blue", title) == "blue"
    assert studio.word("colour", "teal", title) == ""
    assert studio.word("colour", "", title) == "red"
    assert studio.word("material", "", title) == "glass"
    assert studio.word("material", "", "Red bowl") == "matte"
    assert studio.word("material", "Rattan", title) == ""


def test_nouns_have_their_plural(studio: Dialect) -> None:
    assert studio.counted("gaming mouse", studio.word("count", "Set of 2")) == "gaming mice"
    assert studio.counted("bottle", studio.word("count", "Bottle")) == "bottle"
    assert studio.counted("headphones", "two") == "pairs of headphones"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"category": "bowl", "colour": "red", "material": "matte", "count": "one"}, ""),
        ({"category": ""}, "category 'Kettles' is not among the 12 that the studio model draws"),
        ({"colour": ""}, "no unambiguous colour is named in category 'Kettles', title 'Mug', and"),
        ({"material": "rattan"}, "material 'rattan' is not among the 4"),
        ({"count": "6"}, "count '6' is not among the 2 that the studio model draws (one, two)"),
        ({"colour": "", "category": "", "count": "6"}, "category 'Kettles' is not among"),
        ({"style": "modern"}, ""),
        ({}, ""),
    ],
)
def test_reason_names_value_rule_and_remedy(
    studio: Dialect, asked: dict[str, str], says: str
) -> None:
    fields = {"category": "Kettles", "title": "Mug", "colour": "", "count": ""}
    reason = studio.why_not(asked, lambda _: fields)
    if not says:
        assert reason == ""
    else:
        assert "set model.id to a Stable Diffusion checkpoint" in reason
        assert says in reason
