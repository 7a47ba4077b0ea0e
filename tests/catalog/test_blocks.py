"""Rows read many at a time are those that are read line by line, whatever the file holds."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.readers import delimited, lines
from catalog_gen.catalog.readers.record import Block, RawRow, Record
from catalog_gen.catalog.readers.source import inspect_source
from catalog_gen.errors import FeedError
from catalog_gen.settings.feed import FeedSettings

WIDTH = 3
CELLS = st.sampled_from(
    (
        *("", " ", "1", "red mug", "#", "# note", "Größe", "\x0b", "\u2028", "\x85", "a\rb"),
        *('"', '""', '"a, b"', '"two\nlines"', '"two\r\nlines"', '"a ""b"""', '5" wide', '"never'),
        *("\0", "\udcff", "<p>", '"x" y', "'"),
    )
)
LINES = st.lists(CELLS, min_size=WIDTH, max_size=WIDTH) | st.lists(CELLS, max_size=5)
ENDS = st.sampled_from(("\n", "\n", "\n", "\r\n", "\r", ""))


def line_by_line(header: delimited.HeaderCandidate, path: Path) -> Iterator[RawRow]:
    """What the rules say, applied to one line after the other."""
    reader = delimited._Lines(lines.read_lines(inspect_source(path), "utf-8"))
    delimited._pass_header(reader, header)
    return delimited._rows_below(reader, header)


def plain(row: RawRow) -> object:
    return (row.line, list(row.values)) if isinstance(row, Record) else row


@given(st.lists(st.tuples(LINES, ENDS), max_size=30), st.sampled_from((1, 7, 40, 300, 100_000)))
@example([(["1", "a", "b"], "\n")] * 20, 40)
@example([(["1", "a", "b"], "\r\n")] * 20, 40)
@example([(['"1', "a", "b"], "\n"), *[(["1", "a", "b"], "\n")] * 20, (["1", 'a"', "b"], "\n")], 7)
def test_blocks_hold_the_rows_that_single_lines_give(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[str], str]], size: int
) -> None:
    path = tmp_path_factory.mktemp("feed") / "feed.csv"
    text = "id,title,colour\n" + "".join(",".join(cells) + end for cells, end in rows)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    source = inspect_source(path)
    (header, *_) = delimited.header_candidates(source, "utf-8")
    expected = list(map(plain, line_by_line(header, path)))
    found: list[object] = []
    with pytest.MonkeyPatch.context() as patch, suppress(FeedError):  # the last row is cut off
        patch.setattr(lines, "BLOCK", size)
        found.extend(map(plain, delimited.read_table(source, "utf-8", header).read()))
    assert found == expected


def test_a_usual_feed_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    rows = [f'{number},"Mug, No. {number}",red\r\n' for number in range(20_000)]
    path.write_bytes("".join(["id,title,colour\r\n", *rows]).encode())
    source = inspect_source(path)
    (header, *_) = delimited.header_candidates(source, "utf-8")
    parts = list(delimited.read_table(source, "utf-8", header).blocks())
    assert all(isinstance(part, Block) for part in parts)
    assert len(parts) < 10
    products = read_feed(path, FeedSettings(path=path)).products
    assert (len(products), products[-1]) == (
        20_000,
        Product("19999", "Mug, No. 19999", attributes={"colour": "red"}),
    )


@pytest.mark.parametrize("status", ["draft", "active"])
def test_blocks_of_rows_not_for_sale_are_gone_through(tmp_path: Path, status: str) -> None:
    path = tmp_path / "feed.csv"
    rows = [f"{number},Mug,active\n" for number in range(3000)]
    rows[2000] = f"2000,Mug,{status}\n"
    path.write_text("".join(["id,title,status\n", *rows]))
    contents = read_feed(path, FeedSettings(path=path))
    assert contents.skipped == ({"draft": 1} if status == "draft" else {})
    assert len(contents.products) + sum(contents.skipped.values()) == contents.rows_read == 3000


def test_an_id_in_two_blocks_is_rejected_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    rows = [f"{number},Mug with a long title that fills a block soon\n" for number in range(9000)]
    rows[8000] = "7,Another mug\n"
    path.write_text("".join(["id,title\n", *rows]))
    contents = read_feed(path, FeedSettings(path=path))
    assert [(each.line, each.product_id) for each in contents.rejections] == [(8002, "7")]
    assert len(contents.products) == 8999
