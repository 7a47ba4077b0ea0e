"""What is to go live is selected, counted and checked inside the database, in portions."""

from dataclasses import replace

import pytest

from catalog_gen.store import selection
from catalog_gen.store.publications import LiveImage
from catalog_gen.store.selection import (
    SelectionFigures,
    best_pictures,
    damaged_among,
    published_pictures,
    selection_figures,
)
from catalog_gen.store.verdicts import save_review
from tests.store.shop import RUBRIC, Shop, best, mug, spoil

#: Rows of a portion; three products with two candidates have six in the ledger.
PORTIONS = (1, 2, 5, 1_000)


@pytest.fixture(params=PORTIONS)
def portion(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    for name in ("PORTION", "CHUNK"):
        monkeypatch.setattr(selection, name, request.param)
    return int(request.param)


@pytest.mark.usefixtures("portion")
def test_the_best_picture_is_the_same_in_portions_of_any_size(shop: Shop) -> None:
    shop = replace(shop, candidates=2)
    shop.refresh([mug(1), mug(2), mug(3)])
    with shop.store.writing() as connection:
        rows = connection.execute(
            "SELECT prompts.product_id, recipe_id FROM ledger JOIN prompts USING (prompt_id) "
            "ORDER BY product_id, candidate"
        ).fetchall()
        pictures = {name: [each for own, each in rows if own == name] for name, _ in rows}
        # All are equal, so that margins decide; the second has the wider one.
        for _, image_id in rows:
            second = any(each[1] == image_id for each in pictures.values())
            connection.execute(
                "UPDATE scores SET margin = ? WHERE image_id = ?", [0.1 + 0.1 * second, image_id]
            )
        assert best(connection) == [
            LiveImage(name, "packshot", each[1]) for name, each in sorted(pictures.items())
        ]
        first, rejected = pictures["mug-1"][0], pictures["mug-2"]
        for image_id, decision in ((first, "accepted"), *((each, "rejected") for each in rejected)):
            save_review(connection, image_id, decision, reviewer="Ana", note="", now=shop.now)
        assert best(connection) == [
            LiveImage("mug-1", "packshot", first),
            LiveImage("mug-3", "packshot", pictures["mug-3"][1]),
        ]
        assert selection_figures(connection, best_pictures(connection, RUBRIC)) == (2, 2)


@pytest.mark.usefixtures("portion")
def test_new_pictures_are_hashed_and_live_ones_must_be_there(shop: Shop) -> None:
    """A changed live picture is found by the nightly check; a night pays for what is new."""
    shop.refresh([mug(1), mug(2), mug(3)])
    with shop.store.reading() as connection:
        pictures = shop.store.pictures(connection)
        assert (
            damaged_among(connection, pictures, published_pictures(connection, 1), only_new=False)
            == []
        )
        files = dict(connection.execute("SELECT image_id, sha256 FROM images").fetchall())
    gone, changed, whole = sorted(files)
    spoil(shop.store, files[gone], None)
    spoil(shop.store, files[changed], b"another")
    with shop.store.writing() as connection:
        pictures, chosen = shop.store.pictures(connection), best_pictures(connection, RUBRIC)
        assert damaged_among(connection, pictures, chosen, only_new=True) == [gone]
        assert damaged_among(connection, pictures, chosen, only_new=False) == [gone, changed]
        connection.execute("DELETE FROM publication_items WHERE image_id = ?", [changed])
        assert damaged_among(connection, pictures, chosen, only_new=True) == [gone, changed]
        connection.execute("DELETE FROM images WHERE image_id = ?", [whole])
        found = damaged_among(connection, pictures, chosen, only_new=True)
        assert found == [gone, changed, whole]


def test_nothing_is_selected_before_anything_was_planned(shop: Shop) -> None:
    with shop.store.reading() as connection:
        chosen = best_pictures(connection, RUBRIC)
        assert selection_figures(connection, chosen) == SelectionFigures(0, 0)
        assert (
            damaged_among(connection, shop.store.pictures(connection), chosen, only_new=True) == []
        )
