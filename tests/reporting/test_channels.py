import csv
import io
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.reporting.channels.channel import CHANNELS, ChannelProduct, safe_cell

GOOGLE = CHANNELS.get("google")()


def product(name: str, title: str, description: str, *images: str) -> ChannelProduct:
    return ChannelProduct(
        product_id=name,
        title=title,
        description=description,
        category="mug",
        group_id="",
        images=images,
        attributes={"price": "19.90 EUR", "availability": "in stock"},
    )


MUG = product("SKU-2", "Red mug", "Holds 300 ml,\nmicrowave safe", "a b.png", "side.png", "top.png")
BOWL = product("SKU-1", "=1+1", "@home", "bowl.png")


def feed(products: Iterable[ChannelProduct], base_url: str) -> str:
    text = io.StringIO(newline="")
    GOOGLE.write_feed(text, products, base_url)
    return text.getvalue()


def test_a_feed_that_google_reads() -> None:
    text = feed([BOWL, MUG], "https://cdn.example/images/")
    bowl, mug = csv.DictReader(io.StringIO(text))
    assert tuple(mug) == GOOGLE.columns
    assert (bowl["id"], mug["id"]) == ("SKU-1", "SKU-2")
    assert mug["image_link"] == "https://cdn.example/images/a%20b.png"
    assert mug["additional_image_link"] == (
        "https://cdn.example/images/side.png,https://cdn.example/images/top.png"
    )
    assert mug["description"] == "Holds 300 ml, microwave safe"
    assert mug["availability"] == "in_stock"
    assert (bowl["title"], bowl["description"]) == ("=1+1", "@home")


def test_a_product_without_a_picture_is_no_row() -> None:
    bare = product("SKU-3", "Mug", "")
    with pytest.raises(ValueError, match="'SKU-3' has no picture"):
        feed([bare], "https://cdn.example")


@given(st.text() | st.text('a;="+ -@'))
def test_no_cell_is_a_formula_or_breaks_its_line(value: str) -> None:
    cell = safe_cell(value)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not {"\t", "\n", "\r", "\x00"} & set(cell)
    assert safe_cell(cell) == cell
    parted = (part.lstrip('" ') for part in cell.split(";")[1:])
    assert not any(part.startswith(("=", "+", "-", "@")) for part in parted)
