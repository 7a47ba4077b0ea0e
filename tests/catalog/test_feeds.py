"""Every format and encoding, written to files and read back."""

import re
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.errors import FeedError
from catalog_gen.settings.feed import FeedSettings
from tests.catalog.feed_files import (
    ATOM,
    GOOGLE_XML,
    ROWS,
    SHOPIFY,
    csv_text,
    jsonl_text,
    packed,
    read_bytes,
)


def assert_sample(contents: FeedContents) -> None:
    first, second, third = contents.products
    assert contents.rejections == ()
    assert (first.product_id, first.title, first.category) == ("m-1", "Blue mug", "Mugs")
    assert first.description == "A blue mug"
    assert first.attributes == {"colour": "blue", "price": "9.50 EUR"}
    assert second.title == "Teekännchen für zwei"
    assert second.attributes["colour"] == "grün"
    assert third.title == 'Plate, 10" wide'
    assert third.description == "Line one line two"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("feed.csv", csv_text(ROWS), "csv"),
        ("feed.csv", csv_text(ROWS, ";"), "csv"),
        ("feed.tsv", csv_text(ROWS, "\t"), "tsv"),
        ("feed.txt", csv_text(ROWS, "|"), "csv"),
        ("feed.jsonl", jsonl_text(ROWS), "jsonl"),
        ("feed", jsonl_text(ROWS), "jsonl"),
    ],
)
def test_text_formats_plain_and_packed(tmp_path: Path, name: str, text: str, expected: str) -> None:
    for data in (text.encode(), packed(text)):
        contents = read_bytes(tmp_path, name, data)
        assert contents.format == expected
        assert_sample(contents)


@pytest.mark.parametrize(
    ("encoding", "bom", "reported"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8-sig", b"", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("cp1252", b"", "cp1252"),
        ("latin-1", b"", "cp1252"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, bom: bytes, reported: str) -> None:
    contents = read_bytes(tmp_path, "feed.csv", bom + csv_text(ROWS).encode(encoding))
    assert contents.encoding == reported
    assert_sample(contents)


def test_one_line_in_another_encoding_costs_one_row(tmp_path: Path) -> None:
    rows = [(f"p-{i}", "Körbchen", "", "", "", "") for i in range(5)]
    data = csv_text(rows).encode().replace("p-3,Körbchen".encode(), "p-3,Körbchen".encode("cp1252"))
    contents = read_bytes(tmp_path, "feed.csv", data)
    assert [product.product_id for product in contents.products] == ["p-0", "p-1", "p-2", "p-4"]
    assert (contents.rejections[0].line, "UTF-8" in contents.rejections[0].rule) == (5, True)


def test_parquet_types_become_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1.0, 2.0, None],
            "title": ["Mug", "Cup", "Pot"],
            "color": [["red", "blue"], None, []],
            "price": [9.5, float("nan"), 3.0],
            "in_stock": [True, False, None],
        }
    )
    path = tmp_path / "feed.parquet"
    pq.write_table(table, path)
    contents = read_feed(path, FeedSettings(path=path))
    assert contents.format == "parquet"
    assert [each.product_id for each in contents.products] == ["1", "2"]
    assert contents.products[0].attributes == {
        "colour": "red, blue",
        "price": "9.5",
        "in_stock": "true",
    }
    assert (contents.rejections[0].line, contents.rejections[0].field) == (3, "product_id")


def test_parquet_singles_are_read_as_people_wrote_them(tmp_path: Path) -> None:
    prices = pa.array([9.99, None, 12.0], pa.float32())
    table = pa.table({"id": ["1", "2", "3"], "title": ["Mug"] * 3, "price": prices})
    path = tmp_path / "feed.parquet"
    pq.write_table(table, path)
    contents = read_feed(path, FeedSettings(path=path))
    assert [each.attributes.get("price", "") for each in contents.products] == ["9.99", "", "12"]


def test_parquet_text_that_is_no_utf8_costs_one_row(tmp_path: Path) -> None:
    titles = pa.array([b"Mug", b"\xff\xfe", b"Pot"], pa.binary())
    titles = pa.Array.from_buffers(pa.string(), 3, titles.buffers())
    path = tmp_path / "feed.parquet"
    pq.write_table(pa.table({"id": ["1", "2", "3"], "title": titles}), path)
    contents = read_feed(path, FeedSettings(path=path))
    assert [each.product_id for each in contents.products] == ["1", "3"]
    assert (contents.rejections[0].line, contents.rejections[0].field) == (2, "title")


def test_google_rss(tmp_path: Path) -> None:
    for data in (GOOGLE_XML.encode(), packed(GOOGLE_XML)):
        contents = read_bytes(tmp_path, "feed.xml", data)
        assert (contents.format, contents.platform) == ("xml", "google")
        mug, pot = contents.products
        assert (mug.title, mug.category, mug.description) == ("Blue mug", "Mugs", "A blue mug")
        assert mug.attributes["colour"] == "blue"
        assert mug.attributes["additional_image_link"] == (
            "https://a.example/1.jpg, https://a.example/2.jpg"
        )
        assert mug.attributes["shipping_country"] == "DE"
        assert "price" not in mug.attributes
        assert pot.title == "Teekännchen"
        assert [(each.line, each.field, each.product_id) for each in contents.rejections] == [
            (16, "title", "m-3")
        ]


def test_of_several_category_paths_the_first_counts(tmp_path: Path) -> None:
    item = (
        "<item><g:id>1</g:id><g:title>Mug</g:title>"
        "<g:product_type>Home &gt; Mugs</g:product_type>"
        "<g:product_type>Sale &gt; Gifts</g:product_type></item>"
    )
    text = f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{item}</channel></rss>'
    (mug,) = read_bytes(tmp_path, "feed.xml", text.encode()).products
    assert mug.category == "Mugs"


def test_lines_of_spaces_are_no_rows(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "feed.csv", b"id,title\n1,Mug\n   \n2,Cup\n")
    assert (contents.rows_read, len(contents.products)) == (2, 2)


def test_google_xml_in_declared_encodings(tmp_path: Path) -> None:
    for encoding in ("iso-8859-1", "windows-1252", "utf-16"):
        text = GOOGLE_XML.replace('"utf-8"', f'"{encoding}"')
        contents = read_bytes(tmp_path, "feed.xml", text.encode(encoding))
        assert contents.encoding == encoding
        assert contents.products[1].title == "Teekännchen"


def test_atom(tmp_path: Path) -> None:
    (lamp,) = read_bytes(tmp_path, "feed.xml", ATOM.encode()).products
    assert (lamp.product_id, lamp.title) == ("a-1", "Lamp")
    assert lamp.attributes == {"link": "https://shop.example/a-1"}


def test_shopify_variants(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "products.csv", SHOPIFY.encode())
    assert (contents.format, contents.platform) == ("csv", "shopify")
    red, blue, mug = contents.products
    assert (red.product_id, red.group_id, red.title) == ("TEE-R-S", "tee", "Linen tee")
    assert (red.category, red.description) == ("Tees", "Soft")
    assert red.attributes == {
        "colour": "Red",
        "size": "S",
        "price": "20.00",
        "brand": "Weaver",
        "image_link": "https://a/1.jpg",
        "gender": "unisex",
        "page": "products/tee",
    }
    assert (blue.product_id, blue.group_id, blue.title) == ("tee-Blue-M", "tee", "Linen tee")
    assert (blue.attributes["colour"], blue.attributes["price"]) == ("Blue", "21.00")
    assert mug.product_id == "mug"
    assert "Default Title" not in mug.attributes.values()
    assert [(each.line, each.field) for each in contents.rejections] == [(7, "Handle")]


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("feed.xlsx", b"PK\x03\x04rest", "spreadsheet"),
        ("feed.json", b'[{"id": 1}]', "JSON array"),
        ("feed.html", b"<!DOCTYPE html><html></html>", "web page"),
        ("feed.csv", b"  \n", "empty"),
        ("feed.csv", b"artikel,preis\n1,2\n", "no column for product ids"),
        ("feed.csv", b'"id,title\n1,2\n', "not a header"),
        ("feed.xml", b"<rss><channel><item>", "not well-formed XML"),
        ("feed.xml", b"<products><product/></products>", "<products> is not an RSS or Atom feed"),
        ("feed.parquet", b"PAR1 and no more", "broken Parquet"),
        ("feed.csv.gz", packed("id,title\n1,Mug\n" * 100)[:-20], "broken gzip"),
    ],
)
def test_a_file_that_is_no_feed_is_refused_with_a_remedy(
    tmp_path: Path, name: str, data: bytes, rule: str
) -> None:
    with pytest.raises(FeedError, match=re.escape(rule)) as caught:
        read_bytes(tmp_path, name, data)
    assert caught.value.next_step


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(FeedError):
            read_feed(path, FeedSettings(path=path))


#: Text that a shop can write and that cleaning leaves alone.
words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
cells = st.one_of(
    words,
    st.lists(st.one_of(words, st.sampled_from([",", '"', ";", "'", '""', "|"])), max_size=5).map(
        " ".join
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8),
    st.sampled_from(["csv", "tsv", "jsonl"]),
)
def test_rows_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], form: str
) -> None:
    written = [(f"id-{i}", f"T {a}", "", "", b, c) for i, (a, b, c) in enumerate(rows)]
    text = (
        jsonl_text(written)
        if form == "jsonl"
        else csv_text(written, "\t" if form == "tsv" else ",")
    )
    contents = read_bytes(tmp_path_factory.mktemp("feed"), f"feed.{form}", text.encode())
    assert contents.rejections == ()

    def plain(value: str) -> str:
        return unicodedata.normalize("NFC", " ".join(value.split()))

    read = [
        (p.product_id, p.title, p.attributes.get("colour", ""), p.attributes.get("price", ""))
        for p in contents.products
    ]
    assert read == [(row[0], plain(row[1]), plain(row[4]), plain(row[5])) for row in written]
