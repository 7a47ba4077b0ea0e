"""The four ways to read an attribute, with words that the sample's shop doesn't have."""

import pytest

from catalog_gen.dialects.attributes import Count, First, Single, Thing


def test_a_thing_is_the_head_noun_that_stands_alone() -> None:
    thing = Thing(
        reads="thing",
        names={"lute": ("lute", "lutes"), "harp": ("harp", "harps"), "mouth harp": ("jaw harp",)},
        others=("lute string",),
        absorbs={"mouth harp": ("harp",)},
        openings=("Box of",),
        tails=("with",),
        joints=("and",),
        unsaid="lute",
    )
    assert thing.word("Music > Strings > Harps") == "harp"
    assert thing.word("Box of lutes with harp pegs") == "lute"
    assert thing.word("Harp and lute") == ""
    assert thing.word("Lute string") == ""
    assert thing.word("jaw harp harp") == "mouth harp"
    assert thing.word("Drums", "A Harp") == "harp"
    assert thing.word("", "A drum") == "lute"
    assert thing.word("Drums", "A drum") == "", "what is named and unknown is not unsaid"


def test_a_single_word_stands_alone() -> None:
    single = Single(
        reads="single", names={"ocean": ("ocean blue", "blue")}, others=("teal",), unsaid="ocean"
    )
    assert single.word("Ocean Blue") == single.word("BLUE") == "ocean"
    assert single.word("blue and teal") == single.word("pink") == ""
    assert single.word("", "", "Blue cup") == single.word("") == "ocean"


def test_the_first_word_of_the_nearest_tier() -> None:
    first = First(
        reads="first",
        tiers=({"shiny": ("polished",)}, {"dull": ("slate", "chalk"), "shiny": ("tin",)}),
        ignored=("tin whistle",),
    )
    assert first.vocabulary == ("shiny", "dull")
    assert first.word("polished slate") == "shiny"
    assert first.word("chalk, tin") == "dull"
    assert first.word("tin whistle of slate") == "dull"
    assert first.word("jade") == ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "une"),
        ("deux", "deux"),
        ("Lot de DEUX verres", "deux"),
        ("verres, 2-pièces", "deux"),
        ("3 \u00d7 verre", "3"),
        ("Paire de verres", "deux"),
        ("Paire de lunettes", "une"),
        ("12 cl", "une"),
        ("Lot de 1234567890 verres", "une"),
    ],
)
def test_a_count_is_read_in_any_language(text: str, word: str) -> None:
    count = Count(
        reads="count",
        numbers={"une": 1, "deux": 2},
        spoken={"deux": 2},
        packs=("lot de #", "# pièces"),
        phrases={"Paire de": 2},
        one_piece=("lunettes",),
    )
    assert count.word(text) == word
