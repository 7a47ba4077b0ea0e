"""A shop's words in the studio's vocabulary: certain ones only."""

import pytest
from catalog_gen.prompting.support import unsupported_by_studio
from catalog_gen.prompting.words import (
    StudioWords,
    category_in,
    colour_in,
    count_in,
    material_in,
    studio_words,
)

from catalog_gen.catalog.product import Product
from studio.captions import SYNONYMS
from studio.vocabulary import COLOURS, MATERIALS


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
        ("Vases & Bowls", None),
        ("Watches > Straps", None),
        ("Air fryer cookbook", None),
        ("Poster of a mug", None),
        ("Watch strap", None),
        ("Chair cushion", None),
        ("Air fryer liners", None),
        ("Headphone stand", None),
        ("Lid for water bottle", None),
        ("Hot Water Bottle", None),
        ("Velvet armchair", None),
        ("Mouse pad", None),
        ("Stopwatch", None),
        ("", None),
    ],
)
def test_category(text: str, category: str | None) -> None:
    assert category_in(text) == category


def test_every_synonym_of_the_captions_is_understood() -> None:
    for category, names in SYNONYMS.items():
        for singular, plural in names:
            assert category_in(singular) == category_in(plural) == category


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("Navy", "blue"),
        ("Navy Blue", "blue"),
        ("charcoal", "grey"),
        ("Gray", "grey"),
        ("Ivory", "white"),
        ("crimson", "red"),
        ("teal", None),
        ("Beige", None),
        ("White/Gold", None),
        ("Black, Red", None),
        ("Fred's bored", None),
    ],
)
def test_colour(text: str, colour: str | None) -> None:
    assert colour_in(text) == colour


@pytest.mark.parametrize(
    ("text", "material"),
    [
        ("Stoneware", "glossy"),
        ("Stainless steel", "metallic"),
        ("Matte ceramic", "matte"),
        ("Leather", "matte"),
        ("Borosilicate glass", "glass"),
        ("Plastic", "glossy"),
        ("Fibreglass", None),
        ("Glass fibre", None),
        ("Sapphire crystal, stainless steel", "metallic"),
        ("Rattan", None),
    ],
)
def test_material(text: str, material: str | None) -> None:
    assert material_in(text) == material


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2", 2),
        ("Mugs, Set of Two", 2),
        ("Pair of vases", 2),
        ("Bottle 2-pack", 2),
        ("4-Pack Bowls", 4),
        ("Set of 120 bowls", 120),
        ("Pair of headphones", 1),
        ("Mug 350 ml", 1),
        ("Air fryer with 2 drawers", 1),
    ],
)
def test_count(text: str, count: int) -> None:
    assert count_in(text) == count


def test_the_studio_words_are_their_own_translation() -> None:
    assert [colour_in(colour) for colour in COLOURS] == list(COLOURS)
    assert [material_in(material) for material in MATERIALS] == list(MATERIALS)


def test_own_fields_come_before_the_title() -> None:
    product = Product("1", "Red glass bowl", category="Vases", attributes={"colour": "Blue"})
    assert studio_words(product) == StudioWords("vase", "blue", "glass", 1)
    assert studio_words(Product("1", "Red bowl")).material == "matte"
    assert studio_words(Product("1", "Red bowl", attributes={"colour": "teal"})).colour is None


@pytest.mark.parametrize(
    ("product", "says"),
    [
        (Product("1", "Red bowl"), ""),
        (Product("1", "Kettle", category="Kettles"), "category 'Kettles' is not among the 12"),
        (Product("1", "Mug", attributes={"colour": "Teal"}), "colour 'Teal' is not among the 10"),
        (Product("1", "Mug"), "no single colour is named"),
        (
            Product("1", "Red bowl", attributes={"material": "Rattan"}),
            "material 'Rattan' is not among",
        ),
        (Product("1", "Red bowls", attributes={"count": "6"}), "count 6 is not one or two"),
    ],
)
def test_reason_names_value_rule_and_remedy(product: Product, says: str) -> None:
    reason = unsupported_by_studio(product)
    if not says:
        assert reason == ""
    else:
        assert says in reason
        assert "set model.id to a Stable Diffusion checkpoint" in reason
