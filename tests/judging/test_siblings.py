"""Comparisons of live pictures, on simple drawn pictures with one planted fault."""

from contextlib import AbstractContextManager

import pytest
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.home import Home
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.measurement import Asked, measure
from catalog_gen.judging.siblings import CLEARLY, swapped_siblings
from catalog_gen.store.connection import Store
from catalog_gen.store.consistency import (
    Outlier,
    UnevenGroup,
    doubtful_siblings,
    outliers,
    uneven_groups,
)
from catalog_gen.store.outbox import Outbox
from tests.judging.drawn import BLUE, RED, product
from tests.store.shop import Shop

COLOURS = {"red": RED, "blue": BLUE}


def good(colour: str) -> Pixels:
    return product(COLOURS[colour], background=(236, 236, 236))


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = Home(tmp_path_factory.mktemp("shop"))
    return Shop(Store(home, patience=0.3), Outbox(home.outbox))


def live(shop: Shop, pictures: dict[str, Pixels]) -> AbstractContextManager[DuckDBPyConnection]:
    """The pictures published; "bottle-3-red" is the red variant of the third bottle."""
    products = []
    signals = {}
    for name, pixels in pictures.items():
        group, colour = name.rsplit("-", 1)
        products.append(
            Product(name, name, "bottle", group_id=group, attributes={"colour": colour})
        )
        signals[name] = measure(pixels, asked=Asked(colour)).to_json()
    shop.signals = signals
    shop.refresh(products)
    return shop.store.reading()


GOOD = {
    f"bottle-{number}-{colour}": good(colour) for number in range(5) for colour in ("red", "blue")
}


def test_a_good_shop_is_silent(shop: Shop) -> None:
    with live(shop, GOOD) as connection:
        assert uneven_groups(connection, 0.10, 5.0) == []
        assert outliers(connection, 8, 3.5) == []
        assert swapped_siblings(doubtful_siblings(connection, CLEARLY)) == []


def test_a_variant_of_another_size_or_light_is_named(shop: Shop) -> None:
    small = product(RED, size=0.6, background=(236, 236, 236))
    dark = product(BLUE, background=(190, 190, 190))
    with live(shop, GOOD | {"bottle-1-red": small, "bottle-3-blue": dark}) as connection:
        first, second = uneven_groups(connection, 0.10, 5.0)
        assert (first.group_id, second.group_id) == ("bottle-1", "bottle-3")
        assert isinstance(first, UnevenGroup)
        assert first.fill_spread == pytest.approx(0.2, abs=0.03)
        assert second.light_spread > 10
        found = outliers(connection, 8, 3.5)
        assert {(each.product_id, each.measure) for each in found} == {
            ("bottle-1-red", "fill"),
            ("bottle-3-blue", "border_lightness"),
        }
        assert isinstance(found[0], Outlier)
        assert outliers(connection, 11, 3.5) == []  # too few to know what is usual


def test_siblings_with_swapped_colours_are_reported(shop: Shop) -> None:
    swapped = {"bottle-2-red": good("blue"), "bottle-2-blue": good("red")}
    with live(shop, GOOD | swapped) as connection:
        (pair,) = swapped_siblings(doubtful_siblings(connection, CLEARLY))
        assert {pair.first, pair.second} == set(swapped)
        assert pair.gain > 20


def test_one_wrong_colour_is_no_swap(shop: Shop) -> None:
    with live(shop, GOOD | {"bottle-2-red": good("blue")}) as connection:
        assert len(doubtful_siblings(connection, CLEARLY)) == 2
        assert swapped_siblings(doubtful_siblings(connection, CLEARLY)) == []
