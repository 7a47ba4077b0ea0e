import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.reporting.channel_feed import (
    GOOGLE_COLUMNS,
    FeedRow,
    safe_cell,
    write_google_feed,
)

MUG = FeedRow(
    "SKU-2",
    "Red mug",
    "Holds 300 ml,\nmicrowave safe",
    "https://shop.example/mug",
    ("a b.png", "side.png", "top.png"),
    "19.90 EUR",
    "in_stock",
)
BOWL = FeedRow("SKU-1", "=1+1", "@home", "https://shop.example/bowl", ("bowl.png",), "", "")


def rows_of(path: Path, delimiter: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


@pytest.mark.parametrize(("name", "delimiter"), [("google.tsv", "\t"), ("google.csv", ",")])
def test_a_feed_that_google_reads(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / "new" / name
    write_google_feed([MUG, BOWL], path, "https://cdn.example/images/")
    bowl, mug = rows_of(path, delimiter)
    assert tuple(mug) == GOOGLE_COLUMNS
    assert (bowl["id"], mug["id"]) == ("SKU-1", "SKU-2")
    assert mug["image_link"] == "https://cdn.example/images/a%20b.png"
    assert mug["additional_image_link"] == (
        "https://cdn.example/images/side.png,https://cdn.example/images/top.png"
    )
    assert mug["description"] == "Holds 300 ml, microwave safe"
    assert (bowl["title"], bowl["description"]) == ("'=1+1", "'@home")


def test_the_same_catalog_is_the_same_file(tmp_path: Path) -> None:
    write_google_feed([MUG, BOWL], tmp_path / "a.tsv", "https://cdn.example")
    write_google_feed([BOWL, MUG], tmp_path / "b.tsv", "https://cdn.example")
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()


def test_a_product_without_a_picture_is_no_row(tmp_path: Path) -> None:
    bare = FeedRow("SKU-3", "Mug", "", "", (), "", "")
    with pytest.raises(ValueError, match="'SKU-3' has no picture"):
        write_google_feed([bare], tmp_path / "a.tsv", "https://cdn.example")
    assert not list(tmp_path.iterdir())


@given(st.text())
def test_no_cell_is_a_formula_or_breaks_its_line(value: str) -> None:
    cell = safe_cell(value)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not {"\t", "\n", "\r", "\x00"} & set(cell)
    assert safe_cell(cell) == cell
