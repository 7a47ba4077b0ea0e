from dataclasses import replace

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.catalog.product import Product
from catalog_gen.catalog.product_columns import Products
from catalog_gen.fingerprint import sha256_text, shard_of
from catalog_gen.store.products import incoming_products
from catalog_gen.store.prompts import (
    MAX_VALUES,
    ViewSpec,
    asked_values,
    current_prompts,
    known_attributes,
    retire_prompts,
    save_prompts,
    stale_inputs,
)
from tests.store.shop import PACKSHOT, Shop, mug

texts = st.text(st.characters(codec="utf-8"), max_size=20)
#: Names that could break out of SQL or of a parameter's name.
names = st.sampled_from(["colour", "material", "a'b", 'x"y', "$head", "größe", "title", "category"])


@settings(max_examples=60, deadline=None)
@given(
    product=st.builds(
        Product, st.just("p"), texts, texts, attributes=st.dictionaries(names, texts)
    ),
    fields=st.lists(names, unique=True),
    spec=st.dictionaries(st.sampled_from(["template", "model", "settings"]), texts),
)
def test_the_fingerprint_in_sql_is_the_one_in_python(
    memory: DuckDBPyConnection, product: Product, fields: list[str], spec: dict[str, str]
) -> None:
    view = ViewSpec("v", tuple(fields), spec, needs_reference=False)
    relation = incoming_products(memory, Products.of([product]))
    (stale,) = stale_inputs(memory, view, relation=relation)
    assert stale.fingerprint == view.fingerprint(product.fields())
    assert stale.inputs == {name: product.fields().get(name, "") for name in fields}
    assert (stale.product, stale.shard) == (product, shard_of("p"))


def test_no_value_can_be_taken_for_two() -> None:
    view = ViewSpec("v", ("a", "b"), {}, needs_reference=False)
    pairs = [("x", "y"), ("xy", ""), ("", "xy"), ("x1:y,", ""), ("x,1:y", ""), ("1:x", "y")]
    assert len({view.fingerprint({"a": a, "b": b}) for a, b in pairs}) == len(pairs)


def test_only_a_field_that_the_view_reads_makes_a_product_stale(shop: Shop) -> None:
    shop.record([mug(1, price="5"), mug(2)])
    assert len(shop.plan()[0]) == 2
    shop.night = 1
    shop.record([mug(1, price="6"), mug(2, colour="blue")])
    (stale,), _ = shop.plan()
    assert stale.product_id == "mug-2"
    assert stale.previous_inputs == {"category": "mug", "colour": "red", "title": "Mug 2"}
    assert stale.inputs["colour"] == "blue"
    assert stale.previous_spec == dict(PACKSHOT.spec)


@pytest.mark.parametrize("part", ["template", "model", "settings"])
def test_a_changed_spec_makes_every_product_stale(shop: Shop, part: str) -> None:
    shop.record([mug(1), mug(2)])
    shop.plan()
    shop.views = (replace(PACKSHOT, spec={**PACKSHOT.spec, part: "other"}),)
    assert len(shop.plan()[0]) == 2
    assert shop.plan()[0] == []


def test_a_product_that_changes_back_gets_its_earlier_row_and_pictures_back(shop: Shop) -> None:
    shop.record([mug(1)])
    (first,), _ = shop.plan()
    with shop.store.reading() as connection:
        (recipe,) = connection.execute("SELECT recipe_id FROM ledger").fetchone() or ()
    shop.draw([recipe])
    for night, colour in enumerate(["blue", "red"], start=1):
        shop.night = night
        shop.record([mug(1, colour=colour)])
        (stale,), result = shop.plan()
    assert stale.fingerprint == first.fingerprint
    assert (result.planned, len(result.reused)) == (0, 1)
    with shop.store.reading() as connection:
        rows = connection.execute(
            "SELECT inputs['colour'], current FROM prompts ORDER BY ALL"
        ).fetchall()
    assert rows == [("blue", False), ("red", True)]


def test_prompts_of_retired_products_and_dropped_views_end(shop: Shop) -> None:
    shop.views = (PACKSHOT, replace(PACKSHOT, view="lifestyle"))
    shop.record([mug(1), mug(2)])
    shop.plan()
    shop.night = 1
    shop.record([mug(1)])
    with shop.store.writing() as connection:
        held = "SELECT product_id, view FROM prompts WHERE current ORDER BY view"
        rows = connection.execute(held).fetchall()
        assert rows == [("mug-1", "lifestyle"), ("mug-1", "packshot")]
        assert retire_prompts(connection, ["packshot"]) == 1
        assert current_prompts(connection) == {"packshot": ["t1 mug red Mug 1"]}
    shop.views = (PACKSHOT,)
    shop.record([mug(1), mug(2)])
    (returned,), _ = shop.plan()
    assert (returned.product_id, returned.previous_inputs) == ("mug-2", None)


def test_views_from_a_photo_skip_products_without_one(shop: Shop) -> None:
    shop.views = (replace(PACKSHOT, needs_reference=True),)
    shop.record([mug(1), replace(mug(2), reference="photos/2.png")])
    (stale,), _ = shop.plan()
    assert stale.product_id == "mug-2"
    shop.record([mug(1), mug(2)])
    with shop.store.writing() as connection:
        assert retire_prompts(connection, ["packshot"]) == 0
        assert retire_prompts(connection, ["packshot"], needing_reference=["packshot"]) == 1


def test_wishes_may_be_stored_while_others_are_still_to_come(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog_gen.store.prompts.FETCHED", 2)
    products = [mug(number) for number in range(5)]
    shop.record(products)
    with shop.store.writing() as connection:
        found = []
        for stale in stale_inputs(connection, PACKSHOT):
            found.append(stale.product_id)
            save_prompts(connection, [shop.row(stale)])
        assert found == [product.product_id for product in products]
        assert list(stale_inputs(connection, PACKSHOT)) == []


def test_shards_divide_the_work(shop: Shop) -> None:
    products = [mug(number) for number in range(40)]
    shop.record(products)
    with shop.store.reading() as connection:
        found = [
            stale.product_id
            for shard in range(64)
            for stale in stale_inputs(connection, PACKSHOT, shards=[shard])
        ]
        assert all(
            stale.shard == shard_of(stale.product_id)
            for stale in stale_inputs(connection, PACKSHOT)
        )
    assert sorted(found) == sorted(product.product_id for product in products)


def test_a_plan_of_a_feed_that_is_not_stored(shop: Shop) -> None:
    shop.record([mug(1), mug(2)])
    shop.plan()
    with shop.store.peek() as connection:
        relation = incoming_products(
            connection, Products.of([mug(1), mug(2, colour="blue"), mug(3)])
        )
        stale = list(stale_inputs(connection, PACKSHOT, relation=relation))
        assert [each.product_id for each in stale] == ["mug-2", "mug-3"]
        assert known_attributes(connection) == ["colour"]


def test_values_that_are_asked_for_are_bounded_and_stable(shop: Shop) -> None:
    """By view and attribute, of what can be drawn now; a new value displaces at most one."""

    def stored(number: int) -> dict[str, dict[str, list[str]]]:
        shop.record([mug(each) for each in range(number)])
        with shop.store.writing() as connection:
            rows = [
                replace(
                    shop.row(stale),
                    asked={"colour": f"c{stale.product_id}", "count": "one", "style": ""},
                    unsupported="no" if stale.product_id == mug(0).product_id else "",
                )
                for stale in stale_inputs(connection, PACKSHOT)
            ]
            save_prompts(connection, rows)
            return asked_values(connection)

    few = stored(4)
    assert few == {
        "packshot": {
            "colour": sorted((f"c{mug(n).product_id}" for n in (1, 2, 3)), key=sha256_text),
            "count": ["one"],
        }
    }
    shop.night = 1
    many = stored(MAX_VALUES + 9)["packshot"]["colour"]
    shop.night = 2
    more = stored(MAX_VALUES + 10)["packshot"]["colour"]
    assert len(many) == len(more) == MAX_VALUES
    assert len(set(many) - set(more)) <= 1
