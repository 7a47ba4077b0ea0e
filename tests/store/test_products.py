from collections.abc import Iterator
from dataclasses import astuple, replace

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.catalog.product_columns import Products
from catalog_gen.errors import FeedError
from catalog_gen.fingerprint import shard_of
from catalog_gen.store.connection import Store, open_memory
from catalog_gen.store.products import (
    PRODUCT_COLUMNS,
    FeedChanges,
    feed_diff,
    incoming_products,
    record_feed,
    stored_product,
)
from tests.store.shop import NIGHT, Shop, feed_of, mug, rolled_back

texts = st.text(st.characters(codec="utf-8"), max_size=12)
products_strategy = st.builds(
    Product,
    st.text("abc", min_size=1, max_size=2),
    texts,
    texts,
    description=texts,
    group_id=texts,
    reference=texts,
    attributes=st.dictionaries(texts, texts, max_size=3),
)
feeds = st.lists(products_strategy, max_size=6, unique_by=lambda product: product.product_id)


def stored(store: Store, *, retired: bool) -> Iterator[Product]:
    with store.reading() as connection:
        rows = connection.execute(
            f"SELECT {PRODUCT_COLUMNS} FROM products "
            "WHERE (retired_at IS NOT NULL) = ? ORDER BY product_id",
            [retired],
        ).fetchall()
    return map(stored_product, rows)


@settings(max_examples=20, deadline=None)
@given(st.lists(feeds, min_size=1, max_size=3))
def test_after_every_feed_the_active_products_are_that_feed_and_the_counts_agree(
    memory: DuckDBPyConnection, nights: list[list[Product]]
) -> None:
    known: dict[str, Product] = {}
    with rolled_back(memory):
        for number, night in enumerate(nights):
            offered = {product.product_id: product for product in night}
            both = offered.keys() & known.keys()
            expected = FeedChanges(
                active=len(offered),
                added=len(offered.keys() - known.keys()),
                changed=sum(known[key] != offered[key] for key in both),
                retired=len(known.keys() - offered.keys()),
                unchanged=sum(known[key] == offered[key] for key in both),
                rejected=0,
            )
            incoming = incoming_products(memory, feed_of(night).products)
            assert feed_diff(memory, incoming).changes(len(offered), 0) == expected
            changes = record_feed(
                memory,
                feed_of(night),
                source="feed.csv",
                sha256=str(number),
                shrink_limit=1.0,
                run_id="run",
                now=NIGHT,
            )
            assert changes == replace(expected, platform="plain")
            rows = memory.execute(
                f"SELECT {PRODUCT_COLUMNS} FROM products WHERE retired_at IS NULL"
            ).fetchall()
            assert {row[0]: stored_product(row) for row in rows} == offered
            known = offered
        twice = memory.execute(
            "SELECT product_id FROM products GROUP BY product_id HAVING count(*) > 1"
        ).fetchall()
        assert twice == []


def test_a_retired_product_keeps_its_row_and_returns_to_it(shop: Shop) -> None:
    shop.record([mug(1), mug(2)])
    shop.night = 1
    assert shop.record([mug(1)]).retired == 1
    assert list(stored(shop.store, retired=True)) == [mug(2)]
    shop.night = 2
    assert shop.record([mug(1), mug(2)]).added == 1
    with shop.store.reading() as connection:
        seen = connection.execute(
            "SELECT first_seen, changed_at FROM products WHERE product_id = 'mug-2'"
        ).fetchone()
    assert seen == (NIGHT, shop.now)


def test_a_feed_that_shrank_too_far_changes_nothing(shop: Shop) -> None:
    shop.record([mug(number) for number in range(10)])
    shop.night = 1
    with pytest.raises(FeedError, match=r"lacks 4 of 10 active products \(40%\).*shrink_limit"):
        shop.record([mug(number) for number in range(6)], shrink_limit=0.3)
    assert len(list(stored(shop.store, retired=False))) == 10
    assert shop.record([mug(number) for number in range(7)], shrink_limit=0.3).retired == 3


def test_rejected_rows_are_kept_with_their_reason(shop: Shop) -> None:
    rejection = Rejection(7, "title", "\ud800 torn", "a title is plain text", "mug-9")
    assert shop.record([mug(1)], [rejection]).rejected == 1
    with shop.store.reading() as connection:
        row = connection.execute(
            "SELECT line, field, value, rule, product_id FROM rejections"
        ).fetchone()
        feed = connection.execute("SELECT rows_read, accepted FROM feed_snapshots").fetchone()
    assert row == astuple(replace(rejection, value="? torn"))
    assert feed == (2, 1)


def test_recording_a_feed_twice_changes_nothing(shop: Shop) -> None:
    rejection = Rejection(7, "title", "", "missing")
    shop.record([mug(1)], [rejection])
    changes = shop.record([mug(1)], [rejection])
    assert (changes.unchanged, changes.added) == (1, 0)
    with shop.store.reading() as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM rejections), (SELECT count(*) FROM feed_snapshots)"
        ).fetchone()
    assert counts == (1, 1)


def test_incoming_products_look_like_the_table() -> None:
    with open_memory() as connection:
        name = incoming_products(connection, Products.of(map(mug, range(200))))
        shards = connection.execute(f"SELECT product_id, shard FROM {name}").fetchall()
        columns = [
            [row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall()]
            for relation in (name, "products")
        ]
    assert columns[0] == columns[1]
    assert all(shard == shard_of(product_id) for product_id, shard in shards)
