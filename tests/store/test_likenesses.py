"""Pictures to compare are read in portions that hold each of them once."""

import numpy as np
import pytest

from catalog_gen.store import likenesses as module
from catalog_gen.store.likenesses import (
    Likeness,
    likenesses,
    likenesses_of,
    scored_ranges,
)
from tests.store.shop import SCORER, Shop, mug


@pytest.mark.parametrize("portion", [1, 2, 3, 100])
def test_every_wanted_picture_is_in_one_portion(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(module, "PORTION", portion)
    shop.refresh([mug(number) for number in range(5)])
    shop.refresh([mug(number) for number in range(4)])  # one is no longer asked for
    with shop.store.reading() as connection:
        wanted = connection.execute(
            "SELECT recipe_id, look_id FROM wanted_candidates ORDER BY recipe_id"
        ).fetchall()
        every = [
            image_id for (image_id,) in connection.execute("SELECT image_id FROM images").fetchall()
        ]
        ranges = list(scored_ranges(connection, SCORER))
        found = [likenesses(connection, SCORER, "packshot", *each) for each in ranges]
        known = likenesses_of(connection, SCORER, "packshot", every)
        assert likenesses_of(connection, "another", "packshot", every).image_ids == []
    assert len(every) == 5
    assert len(ranges) == -(-5 // portion)
    pairs = [pair for each in found for pair in pairs_of(each)]
    assert sorted(pairs) == wanted
    assert sorted(pairs_of(known)) == wanted
    assert known.embeddings.shape == (4, 2)
    own = dict(zip(known.image_ids, known.embeddings, strict=True))
    for each in found:
        for image_id, embedding in zip(each.image_ids, each.embeddings, strict=True):
            np.testing.assert_array_equal(own[image_id], embedding)


def pairs_of(known: Likeness) -> list[tuple[str, str]]:
    return list(zip(known.image_ids, known.look_ids.to_pylist(), strict=True))
