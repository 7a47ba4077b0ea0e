"""Products as columns are the products that they were made of."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.arrow_text import maps_of_columns, text_maps
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.product_columns import Products

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
PRODUCTS = st.lists(
    st.builds(
        Product,
        *[TEXTS] * 6,
        st.dictionaries(st.sampled_from(("colour", "size", "price", "größe")), TEXTS),
    ),
    max_size=8,
)


@given(PRODUCTS, st.data())
def test_columns_are_a_sequence_of_the_products(made: list[Product], data: st.DataObject) -> None:
    products = Products.of(made)
    assert list(products) == made
    assert len(products) == len(made)
    assert products == Products.of(iter(made))
    assert list(products[1::2]) == made[1::2]
    assert all(products[place] == made[place] for place in range(-len(made), len(made)))
    assert products.attribute_names() == {name for each in made for name in each.attributes}
    assert products.column("size").to_pylist() == [each.attributes.get("size") for each in made]
    there = [bool(each.attributes.get("size")) for each in made]
    assert products.having("size").to_pylist() == there
    assert [each.title for each in made] == products.column("title").to_pylist()
    kept = data.draw(st.lists(st.integers(0, max(0, len(made) - 1)), max_size=3)) if made else []
    assert list(products.take(kept)) == [made[place] for place in kept]
    assert list(Products.joined([products, Products.of(()), products])) == made + made


@given(PRODUCTS)
def test_only_some_products_are_changed(made: list[Product]) -> None:
    def change(product: Product) -> Product:
        return Product(product.product_id, "changed")

    products = Products.of(made).changed(Products.of(made).having("reference"), change)
    assert list(products) == [change(each) if each.reference else each for each in made]


@given(st.integers(0, 5), st.data())
def test_maps_of_columns_leave_out_what_is_empty(count: int, data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(("b", "a", "ä", "c"))))
    cells = st.lists(TEXTS, min_size=count, max_size=count)
    columns = {name: data.draw(cells) for name in names}
    rows = [
        {name: texts[place] for name, texts in columns.items() if texts[place]}
        for place in range(count)
    ]
    assert maps_of_columns(columns, count).equals(text_maps(rows))


def test_lone_surrogates_become_question_marks() -> None:
    (product,) = Products.of([Product("1", "a\ud800b", attributes={"size": "\udfff"})])
    assert (product.title, product.attributes) == ("a?b", {"size": "?"})


def test_an_index_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError):
        Products.of([Product("1", "Mug")])[1]


def test_reading_a_feed_imports_no_pandas(tmp_path: Path) -> None:
    """Pyarrow imports it for ``pa.array`` and ``pa.scalar``: a third of a second of every plan."""
    feed = tmp_path / "feed.csv"
    rows = "1,Mug,S,mugs,9 EUR\n2,Mug,M,mugs,9 EUR\n3,Größe,,,\nmugs,Mugs,,,\n3,again,,,\n"
    feed.write_text(f"id,title,size,item_group_id,price\n{rows}", "utf-8")
    code = """
import sys
from pathlib import Path
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.settings.feed import FeedSettings
path = Path(sys.argv[1])
contents = read_feed(path, FeedSettings(path=path))
print(len(contents.products), len(contents.rejections), contents.skipped, "pandas" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(feed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "1", "{'parent':", "1}", "False"]
