"""Planted defects: the pictures that they are planted in, and what they change."""

import numpy as np
import pytest

from catalog_gen.errors import InputError
from studio.evaluation.defects import Specimen
from studio.evaluation.planted import planted
from studio.phrasing import canonical_phrasing
from studio.vocabulary import Background, Category


def specimen(
    category: Category, count: int, level: int, background: Background = "white"
) -> Specimen:
    """A grey picture of one level, which identifies the picture that was used."""
    pixels = np.full((32, 32, 3), level, np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[8:24, 8:24] = True
    phrasing = canonical_phrasing(category, "red", "matte", background, "front", count)
    return Specimen(pixels, phrasing, mask, "white" if background == "white" else "any")


GOOD = [specimen("mug", 1, 10), specimen("mug", 2, 20), specimen("vase", 1, 30, "warm wood")]


def test_the_other_product_is_always_of_another_category() -> None:
    """ "two matte red mugs" are mugs as well: their picture is no other product's."""
    defects = dict(planted(GOOD))
    references = [each.reference for each in defects["changed product"]]
    assert [int(each[0, 0, 0]) for each in references if each is not None] == [30, 30, 10]


def test_a_wrong_word_is_asked_for_and_nothing_else_changes() -> None:
    for name in ("colour", "category", "material"):
        for good, bad in zip(GOOD, dict(planted(GOOD))[f"wrong {name}"], strict=True):  # type: ignore[index]
            asked = bad.phrasing.asked
            assert {key for key in asked if asked[key] != good.phrasing.asked[key]} == {name}
            assert asked[name] in bad.phrasing.rivals.closed[name]
            assert bad.prompt != good.prompt
            assert bad.pixels is good.pixels


def test_defects_are_planted_only_where_they_are_possible() -> None:
    defects = dict(planted(GOOD))
    (one,) = defects["two for one"]
    assert one.prompt == "product photo of one matte red mug, front view, white background"
    assert [each.phrasing.asked["category"] for each in defects["off-white background"]] == [
        "mug",
        "mug",
    ]
    assert len(defects["blur"]) == 3


def test_categories_that_are_all_one_are_refused() -> None:
    with pytest.raises(InputError, match="all show one category"):
        list(planted(GOOD[:2]))
