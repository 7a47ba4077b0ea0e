"""Names, rules and text: how a shop's columns and cells are interpreted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.catalog.aliases import CANONICAL_ATTRIBUTES, Naming, snake_case
from catalog_gen.catalog.text import clean_text, html_to_text
from catalog_gen.catalog.validation import leaf_category
from tests.catalog.feed_files import read_bytes


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("g:id", "product_id"),
        ("Product ID", "product_id"),
        ("SKU", "product_id"),
        ("product-name", "title"),
        ("Google_Product_Category", "category"),
        ("Body (HTML)", "description"),
        ("Parent SKU", "group_id"),
        ("sourceImage", "reference"),
        ("COLOR", "colour"),
        ("Vendor", "brand"),
        ("pack size", "count"),
        ("image_link", "image_link"),
        ("Care Instructions", "care_instructions"),
        ("Größe (cm)", "größe_cm"),
    ],
)
def test_spellings(column: str, field: str) -> None:
    assert Naming({}).plan((column,))[0].field == field


def test_canonical_attributes_hold_no_core_field() -> None:
    assert {"colour", "material", "price", "image_link"} <= CANONICAL_ATTRIBUTES
    assert not {"title", "product_id"} & CANONICAL_ATTRIBUTES


@given(st.text())
def test_attribute_names_are_stable(name: str) -> None:
    once = snake_case(name)
    assert not once.startswith("_")
    assert " " not in once


def test_the_better_column_wins_row_by_row(tmp_path: Path) -> None:
    text = (
        "google_product_category,sku,id,name,title,product_type\n"
        "Home > Cups,S1,1,Short,Long title,Kitchen > Mugs\n"
        "Home > Cups,S2,2,Short,,\n"
        "2169,S3,3,Short,,\n"
    )
    first, second, third = read_bytes(tmp_path, "feed.csv", text.encode()).products
    assert (first.product_id, first.title, first.category) == ("1", "Long title", "Mugs")
    assert first.attributes == {
        "google_product_category": "Home > Cups",
        "sku": "S1",
        "name": "Short",
    }
    assert (second.title, second.category) == ("Short", "Cups")
    assert third.category == ""


def test_the_users_aliases_win(tmp_path: Path) -> None:
    text = "Artikel Nr;Bezeichnung;title;Farbe\n1;Tasse;Mug;blau\n"
    aliases = {"artikel_nr": "product_id", "Bezeichnung": "title", "farbe": "color"}
    (mug,) = read_bytes(tmp_path, "feed.csv", text.encode(), aliases=aliases).products
    assert (mug.product_id, mug.title) == ("1", "Tasse")
    assert mug.attributes["colour"] == "blau"


def test_every_rule_has_its_sentence(tmp_path: Path) -> None:
    rows = [
        '{"id": " 1 ", "title": "Mug"}',
        '{"title": "Nameless"}',
        '{"id": "1", "title": "Again"}',
        '{"id": "2", "title": " \\u0007 "}',
        '{"id": "3\\u0000", "title": "Nul"}',
        '{"id": "4\\u202e5", "title": "Turned"}',
        f'{{"id": "{"9" * 201}", "title": "Long"}}',
    ]
    contents = read_bytes(tmp_path, "feed.jsonl", "\n".join(rows).encode())
    assert [product.product_id for product in contents.products] == ["1"]
    assert [(each.line, each.field, each.rule) for each in contents.rejections] == [
        (2, "product_id", "a product needs an id"),
        (3, "product_id", "an id appears once; the feed's first row with it is kept"),
        (4, "title", "a product needs a title"),
        (5, "product_id", "an id holds no control or invisible characters"),
        (6, "product_id", "an id holds no control or invisible characters"),
        (7, "product_id", "an id has at most 200 characters"),
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain, 3 < 4", "plain, 3 < 4"),
        ("Salt &amp; pepper", "Salt & pepper"),
        ("<p>One</p><p>two</p>", "One two"),
        ("bo<b>ld</b> <br/>next", "bold next"),
        ("<ul><li>a<li>b</ul>", "a b"),
        ("<style>p {}</style>Mug<script>alert(1)</script>", "Mug"),
        ("<?xml version='1.0'?><p>Mug</p>", "Mug"),
        ("Mug <!-- not <b>shown</b> -->here", "Mug here"),
        ("3 < 4 <b>and</b> 5 > 4", "3 < 4 and 5 > 4"),
        ("a\u200bb\u0000c\td", "a b c d"),
        ("Cafe\u0301", "Café"),
        ("x\ud83d", "x\ufffd"),
    ],
)
def test_html_becomes_text(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


@given(st.text() | st.text(alphabet="<>!-[]/?&;=\"'ab \n#x", max_size=60))
def test_any_markup_becomes_clean_text(markup: str) -> None:
    text = html_to_text(markup)
    assert clean_text(text) == text
    text.encode("utf-8")


def test_markup_that_never_closes_ends_soon() -> None:
    assert html_to_text("<a " * 100_000).startswith("<a <a")


def test_deep_markup_is_read() -> None:
    assert html_to_text("<b><i>" * 3000 + "Mug") == "Mug"


def test_leaf_categories() -> None:
    assert leaf_category("Home > Kitchen & Dining > Mugs") == "Mugs"
    assert leaf_category("Home > ") == "Home"
    assert leaf_category("2169") == ""
