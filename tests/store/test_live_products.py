"""Live products are listed in files and read back in portions."""

from pathlib import Path

import pytest

from catalog_gen.store import live_products
from catalog_gen.store.live_products import RawText, list_live
from catalog_gen.store.relations import limit_memory
from tests.store.shop import Shop, best, mug


@pytest.mark.parametrize("portion", [1, 2, 3, 100])
def test_all_products_are_read_back_by_id(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(live_products, "PORTION", portion)
    products = [mug(number) for number in (3, 1, 5, 2, 4)]
    shop.decisions = {"mug-4": "rejected"}
    shop.refresh(products)
    folder = tmp_path / "what's live"
    folder.mkdir()
    texts = [RawText("mug-5", "<b>Tall</b>", "Home > Mugs"), RawText("gone", "", "")]
    with shop.store.reading() as connection:
        live = list_live(connection, folder, iter(texts))
        chosen = {each.product_id: {each.view: each.image_id} for each in best(connection)}
        addresses = dict(connection.execute("SELECT image_id, sha256 FROM images").fetchall())
    assert len(live) == 4
    for _ in range(2):  # as often as one likes
        found = list(live)
        assert [each.product for each in found] == [mug(number) for number in (1, 2, 3, 5)]
        assert {each.product.product_id: each.image_ids for each in found} == chosen
        assert all(
            each.images == {view: addresses[name] for view, name in each.image_ids.items()}
            for each in found
        )
        assert [each.raw for each in found] == [None, None, None, texts[0]]


def test_nothing_is_live(shop: Shop, tmp_path: Path) -> None:
    shop.record([mug(1)])
    with shop.store.reading() as connection:
        live = list_live(connection, tmp_path)
    assert (len(live), list(live)) == (0, [])


#: Products with two live pictures each, a hundred of which had others before, and the memory that
#: the semi-join of a former version did not fit into.
MANY, MEMORY = 150_000, "120MB"

CATALOG = f"""
    INSERT INTO products BY NAME
    SELECT 'product-' || i AS product_id, 0 AS shard, '' AS title, '' AS category,
        '' AS description, '' AS group_id, '' AS reference, MAP {{}} AS attributes, '' AS row_hash,
        '' AS feed_id, now() AS first_seen, now() AS changed_at
    FROM range({MANY}) AS numbers(i);
    INSERT INTO images BY NAME
    SELECT sha256(i::VARCHAR) AS image_id, sha256(i::VARCHAR) AS sha256, '' AS prompt_id,
        '' AS environment_id, 0 AS width, 0 AS height, 0 AS size, 0 AS seconds, '' AS batch,
        now() AS created_at, '' AS run_id
    FROM range(2 * {MANY} + 100) AS numbers(i);
    INSERT INTO publication_items BY NAME
    SELECT 'product-' || i % {MANY} AS product_id, (i // {MANY})::VARCHAR AS view,
        sha256(i::VARCHAR) AS image_id, 1 AS since, if(i < 2 * {MANY}, NULL, 2) AS until
    FROM range(2 * {MANY} + 100) AS numbers(i);
"""


def test_listing_spills_once_a_night_has_ended_live_pictures(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.store.writing() as connection:
        connection.execute(CATALOG)
    monkeypatch.setattr(
        live_products, "limit_memory", lambda connection: limit_memory(connection, MEMORY)
    )
    with shop.store.reading() as connection:
        connection.execute("SET threads = 2")
        assert len(list_live(connection, tmp_path)) == MANY
