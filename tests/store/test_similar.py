"""Search by embedding: what compares, in which order, and with what it is shown."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_gen.store.similar import (
    embeddings_of,
    pictures_of,
    searchable,
    similar_pictures,
)
from tests.store.shop import SCORER, Shop, mug

#: Directions of the pictures of mug-1, mug-2 and mug-3.
DIRECTIONS = {"mug-1": (1.0, 0.0), "mug-2": (0.6, 0.8), "mug-3": (0.0, 1.0)}


def towards(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, np.float32)


@pytest.fixture
def shown(shop: Shop) -> Shop:
    """Three live pictures with embeddings of their own, and one that isn't live."""
    shop.record([mug(1), mug(2, "blue"), mug(3, "green"), mug(4, "black")])
    shop.plan()
    shop.decisions = {"mug-4": "rejected"}
    shop.draw(each for (each,) in query(shop, "SELECT recipe_id FROM recipes"))
    shop.judge()
    shop.publish()
    with shop.store.writing() as connection:
        for product, direction in DIRECTIONS.items():
            connection.execute(
                "UPDATE scores SET embedding = $direction::FLOAT[] WHERE image_id IN "
                "(SELECT image_id FROM live_items WHERE product_id = $product)",
                {"direction": list(direction), "product": product},
            )
    return shop


def query(shop: Shop, sql: str) -> list[tuple[str, ...]]:
    with shop.store.reading() as connection:
        return connection.execute(sql).fetchall()


def found(
    shop: Shop, direction: Sequence[float], *, live: bool = True, limit: int = 9
) -> list[tuple[str, float]]:
    with shop.store.reading() as connection:
        rows = similar_pictures(connection, SCORER, towards(*direction), live=live, limit=limit)
    return [(row.product_id, round(row.score, 3)) for row in rows]


def test_the_most_similar_live_picture_comes_first(shown: Shop) -> None:
    assert found(shown, (0.0, 1.0)) == [("mug-3", 1.0), ("mug-2", 0.8), ("mug-1", 0.0)]
    assert found(shown, (1.0, 0.0), limit=1) == [("mug-1", 1.0)]


def test_a_picture_that_is_not_live_is_found_among_all(shown: Shop) -> None:
    assert "mug-4" in dict(found(shown, (0.6, 0.8), live=False))
    assert "mug-4" not in dict(found(shown, (0.6, 0.8)))


def test_another_scorers_embeddings_never_compare(shown: Shop) -> None:
    with shown.store.reading() as connection:
        assert similar_pictures(connection, "scorer-2", towards(1, 0), live=True, limit=9) == []
        assert searchable(connection, "scorer-2", live=True) == (0, 3)
        assert searchable(connection, SCORER, live=True) == (3, 3)
        assert searchable(connection, SCORER, live=False) == (4, 4)


def test_deleted_pictures_are_not_found(shown: Shop) -> None:
    with shown.store.writing() as connection:
        connection.execute(
            "UPDATE images SET dropped_at = now() WHERE image_id NOT IN "
            "(SELECT image_id FROM live_items)"
        )
    assert len(found(shown, (1.0, 0.0), live=False)) == 3


def test_a_picture_that_two_products_show_is_one_result(shown: Shop) -> None:
    with shown.store.writing() as connection:
        connection.execute(
            "INSERT INTO publication_items SELECT 'mug-0', view, image_id, since, until "
            "FROM live_items WHERE product_id = 'mug-3'"
        )
    with shown.store.reading() as connection:
        first, *rest = similar_pictures(connection, SCORER, towards(0, 1), live=True, limit=9)
    assert (first.product_id, first.products, len(rest)) == ("mug-0", 2, 2)


def test_a_products_own_pictures_are_left_out_of_its_search(shown: Shop) -> None:
    with shown.store.reading() as connection:
        own = pictures_of(connection, "mug-2", live=True)
        assert own == pictures_of(connection, "mug-2", live=False)
        (embedding,) = embeddings_of(connection, SCORER, own)
        rows = similar_pictures(connection, SCORER, embedding, live=True, limit=9, without=own)
    assert [row.product_id for row in rows] == ["mug-3", "mug-1"]
    assert embedding == pytest.approx([0.6, 0.8])
