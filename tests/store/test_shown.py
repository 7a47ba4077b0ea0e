"""The gallery's parts: where they end, what their states depend on, and figures of the whole."""

from dataclasses import replace

from catalog_gen.store.ledger import open_work
from catalog_gen.store.prompts import save_prompts, stale_inputs
from catalog_gen.store.shown import ShownCatalog, ShownCounts, ViewTrouble
from catalog_gen.store.shown_products import products_of_parts
from tests.store.shop import PACKSHOT, Shop, mug

VIEWS = ("packshot",)


def states_of(shop: Shop) -> list[int]:
    with shop.store.reading() as connection:
        return ShownCatalog.of(connection, VIEWS).states()


def test_parts_cover_all_products_in_order(shop: Shop) -> None:
    shop.record(mug(number) for number in range(400))
    with shop.store.reading() as connection:
        states = ShownCatalog.of(connection, VIEWS).states()
        parts = list(products_of_parts(connection, range(len(states))))
        (second,) = products_of_parts(connection, [1])
    ids = [each.product.product_id for part in parts for each in part]
    assert ids == sorted(f"mug-{number}" for number in range(400))
    assert len(parts) > 10
    assert max(map(len, parts)) <= 48
    assert [each.product for each in second] == [each.product for each in parts[1]]


def test_an_added_product_changes_one_part(shop: Shop) -> None:
    products = [mug(number) for number in range(400)]
    shop.record(products)
    before = states_of(shop)
    assert states_of(shop) == before
    shop.night += 1
    shop.record([*products, replace(mug(7), product_id="mug-250a")])
    assert len(set(states_of(shop)) - set(before)) <= 2


def test_a_picture_that_products_share_counts_once(shop: Shop) -> None:
    shop.decisions = {"mug-2": "review", "mug-3": "rejected"}
    shared = [replace(mug(1), product_id=f"mug-1-{size}") for size in "SL"]
    shop.refresh([*shared, mug(2), mug(3)])
    with shop.store.reading() as connection:
        counts = ShownCatalog.of(connection, VIEWS).counts()
    assert counts == ShownCounts(products=4, live=1, review=1, rejected=1, failed=0, troubles=0)


def test_views_without_a_picture_are_counted_and_listed(shop: Shop) -> None:
    shop.record([mug(1), mug(2), mug(3)])
    shop.plan()
    with shop.store.reading() as connection:
        first, *_ = open_work(connection, None, 3)
    shop.draw([], failing={first.recipe_id: "it was black"})
    shop.night += 1
    shop.record([mug(1), mug(2), mug(3, "green")])
    with shop.store.writing() as connection:
        (stale,) = stale_inputs(connection, PACKSHOT)
        save_prompts(connection, [replace(shop.row(stale), look_id=None, unsupported="no green")])
    with shop.store.reading() as connection:
        shown = ShownCatalog.of(connection, VIEWS)
        counts, (failed, unsupported) = shown.counts(), shown.first_troubles(9)
        assert [each.product_id for each in shown.first_troubles(1)] == [first.product_id]
    assert (counts.failed, counts.troubles) == (1, 2)
    number = first.product_id.removeprefix("mug-")
    assert failed == ViewTrouble(
        first.product_id, f"Mug {number}", "packshot", "", ["it was black"]
    )
    assert unsupported == ViewTrouble("mug-3", "Mug 3", "packshot", "no green", [])


def test_pictures_that_are_gone_torn_or_no_longer_shown_are_found(shop: Shop) -> None:
    shop.refresh([mug(1), mug(2), mug(3)])
    with shop.store.reading() as connection:
        shown = ShownCatalog.of(connection, VIEWS)
        rows = connection.execute(
            "SELECT image_id, sha256, size FROM images ORDER BY sha256"
        ).fetchall()
        (gone, torn, whole) = rows
        present = [
            (torn[1], 0),
            (whole[1], whole[2]),
            ("f" * 64, 9),
        ]
        assert shown.compare(present) == ["f" * 64]
        assert list(shown.missing()) == [gone[:2], torn[:2]]
