"""Pictures that are good alone and wrong beside the others."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.judging.consistency import (
    ComparedPicture,
    category_outliers,
    swapped_colours,
    uneven_groups,
)
from catalog_gen.judging.measurement import Asked, measure
from tests.judging.drawn import BLUE, RED, product

GREEN = (35, 150, 65)
PAINT = {"red": RED, "blue": BLUE, "green": GREEN}


def picture(
    name: str,
    colour: str = "red",
    *,
    painted: str | None = None,
    group: str = "bottles",
    size: float = 0.8,
    middle: tuple[float, float] = (0.5, 0.5),
    background: tuple[int, int, int] = (255, 255, 255),
) -> ComparedPicture:
    pixels = product(PAINT[painted or colour], size=size, middle=middle, background=background)
    return ComparedPicture(
        product_id=name,
        view="packshot",
        group_id=group,
        category="bottle",
        colour=colour,
        signals=measure(pixels, asked=Asked(colour)),
    )


GOOD = [
    picture("one", "red"),
    picture("two", "blue", size=0.78),
    picture("three", "green", middle=(0.51, 0.5)),
    picture("four", "red", group="other", size=0.82),
    picture("five", "blue", group="other"),
    picture("six", "green", group="", size=0.79),
]
ODD = picture("odd", "green", size=0.5)


def test_nothing_is_found_in_a_good_shop() -> None:
    assert uneven_groups(GOOD) == []
    assert category_outliers(GOOD) == []
    assert swapped_colours(GOOD) == []


@pytest.mark.parametrize(
    ("odd", "word"),
    [
        (ODD, "fill"),
        (picture("odd", "green", middle=(0.68, 0.5)), "centre"),
        (picture("odd", "green", background=(225, 225, 225)), "lightness of the background"),
    ],
    ids=["small", "aside", "grey"],
)
def test_the_variant_that_looks_different_is_named_with_its_number(
    odd: ComparedPicture, word: str
) -> None:
    found = uneven_groups([*GOOD, odd])
    assert {each.product_id for each in found} == {"odd"}
    assert any(word in each.why for each in found)
    alone = uneven_groups([*GOOD, replace(odd, group_id="")])
    assert alone == [], "a product without a group has no variants"


def test_an_outlier_of_a_category_needs_no_group() -> None:
    odd = replace(picture("odd", size=0.4), group_id="")
    found = category_outliers([*GOOD, odd])
    assert {each.product_id for each in found} == {"odd"}
    assert "7 pictures of 'bottle'" in found[0].why
    assert category_outliers([*GOOD[:3], odd]) == [], "four pictures have no usual look"
    assert category_outliers([*GOOD, replace(odd, view="lifestyle")]) == []


def test_swapped_siblings_are_both_named() -> None:
    swapped = [
        picture("one", "red", painted="blue"),
        picture("two", "blue", painted="red"),
        picture("three", "green"),
    ]
    found = swapped_colours(swapped)
    assert [each.product_id for each in found] == ["one", "two"]
    assert "asked for red, and nearer to a sibling's blue" in found[0].why


def test_a_wrong_colour_that_no_sibling_has_is_no_swap() -> None:
    wrong = picture("one", "red", painted="green")
    assert swapped_colours([wrong, picture("two", "blue")]) == []


def test_words_that_nobody_knows_are_not_compared() -> None:
    unknown = replace(picture("one", "red"), colour="Midnight Whisper")
    assert swapped_colours([unknown, picture("two", "blue")]) == []


@given(st.permutations(range(len(GOOD) + 1)))
def test_the_order_of_the_pictures_changes_nothing(order: list[int]) -> None:
    pictures = [*GOOD, ODD]
    found = {each.product_id for each in uneven_groups([pictures[place] for place in order])}
    assert found == {"odd"}
