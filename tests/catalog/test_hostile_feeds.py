"""Feeds as an attacker or a broken export script would write them."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.readers.lines import MAX_LINE
from catalog_gen.catalog.readers.record import MAX_FIELDS
from catalog_gen.errors import FeedError
from catalog_gen.settings.feed import FeedSettings
from tests.catalog.enemies import SEEDS, Change, changes, damaged, read_enemy
from tests.catalog.feed_files import read_bytes


def ids(contents: FeedContents) -> list[str]:
    return [product.product_id for product in contents.products]


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_feeds_never_crash_and_always_add_up(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """A sample; ``benchmarks/fuzz.py`` reads many thousands, and runs a coverage-guided fuzzer."""
    folder = tmp_path_factory.mktemp("damaged")

    @settings(max_examples=30, deadline=None)
    @given(changes)
    def holds(done: list[Change]) -> None:
        read_enemy(folder, SEEDS[name].file, damaged(SEEDS[name], done))

    holds()


def test_an_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    lines = ["id,title", *(f"p-{i},Mug {i}" for i in range(200))]
    lines[3] = 'p-2,"Mug that never ends'
    lines[150] = 'p-149,"Mug" and more,'
    contents = read_bytes(tmp_path, "feed.csv", "\n".join(lines).encode())
    assert [each.line for each in contents.rejections] == [4, 151]
    assert all("quoting" in each.rule for each in contents.rejections)
    assert len(contents.products) == 198


def test_two_unclosed_quotes_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    text = 'id,title,size\n1,"Mug,S\n2,Cup,M\n3,"Pot,L\n4,Jug,S\n'
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert ids(contents) == ["2", "4"]
    assert [each.line for each in contents.rejections] == [2, 4]


def test_text_of_a_broken_cell_never_becomes_a_product(tmp_path: Path) -> None:
    steps = "".join(f"<p>Step {number}: rinse, dry, keep.</p>\n" for number in range(70))
    prose = "".join(f"rinse{number}, dry, keep away\n" for number in range(70))
    for cell in (steps, prose):
        text = f'id,title,text\n1,Mug,"Thin."\n2,Cup,"{cell}more" text",\n3,Pot,"Wide."\n'
        contents = read_bytes(tmp_path, "feed.csv", text.encode())
        assert ids(contents) == ["1", "3"]
        assert contents.rejections[0].line == 3
        assert len(contents.rejections) <= 2
        never_closed = f'id,title,text\n1,Mug,"Thin."\n2,Cup,"{cell}\n'
        contents = read_bytes(tmp_path, "feed.csv", never_closed.encode())
        assert ids(contents) == ["1"]


def test_a_cell_is_bounded_by_size_and_not_by_lines(tmp_path: Path) -> None:
    cell = "<p>Care, and more care.</p>\n" * 600
    text = f'id,title,text\n1,Mug,"{cell}"\n2,Cup,\n'
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert ids(contents) == ["1", "2"]
    endless = "<p>Care, and more.</p>\n" * 100_000
    text = f'id,title,text\n1,Mug,"{endless}"\n2,Cup,\n'
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert ids(contents) == ["2"]
    assert [each.line for each in contents.rejections] == [2]


def test_nul_bytes_and_ragged_rows_are_rejected_by_line(tmp_path: Path) -> None:
    text = "id,title,size\n1,Mug,S\n2,Cup\n3,Pot\0,L\n4,Jug,S,\n5,Can,S,extra\n\n6,Bowl,M\n"
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert ids(contents) == ["1", "4", "6"]
    found = {each.line: each.rule for each in contents.rejections}
    assert found[3] == "the row has 2 fields, the header 3"
    assert "NUL" in found[4]
    assert found[6] == "the row has 4 fields, the header 3"


def test_long_fields_and_endless_lines_are_rejections(tmp_path: Path) -> None:
    text = f"id,title\n1,{'x' * 21_000}\n2,{'y' * (3 * MAX_LINE)}\n3,Mug\n"
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert ids(contents) == ["3"]
    field, line = contents.rejections
    assert (field.line, field.field, field.product_id) == (2, "title", "1")
    assert "20,000" in field.rule
    assert (line.line, "longer than" in line.rule) == (3, True)
    assert all(len(each.value) <= 80 for each in contents.rejections)


def test_a_hundred_megabyte_line_stays_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"id": "1", "title": "Mug"}\n{"id": "2", "title": "')
        for _ in range(100):
            stream.write(b"x" * 1024**2)
        stream.write(b'"}\n{"id": "3", "title": "Pot"}\n')
    tracemalloc.start()
    contents = read_feed(path, FeedSettings(path=path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ids(contents) == ["1", "3"]
    assert contents.rejections[0].line == 2
    assert peak < 30 * 1024**2


def test_jsonl_rows_of_other_kinds_are_rejected(tmp_path: Path) -> None:
    lines = [
        '{"id": 7, "title": "Mug", "price": 10.50, "tags": ["a", null, 2]}',
        "[1, 2]",
        "{broken",
        '{"a":' * 100_000,
        '{"id": "8", "title": "Pot", "count": ' + "9" * 6000 + "}",
        '{"id": "9", "title": "Half a pair", "tags": ["\\ud800"]}',
        '{"id": "9", "title": "Half a pair", "\\udfff": "in a name"}',
    ]
    contents = read_bytes(tmp_path, "feed.jsonl", "\n".join(lines).encode())
    assert ids(contents) == ["7", "8"]
    assert contents.products[0].attributes == {"price": "10.50", "tags": "a, 2"}
    assert [each.line for each in contents.rejections] == [2, 3, 4, 6, 7]
    assert "surrogate" in contents.rejections[-1].rule


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r SYSTEM "http://shop.example/feed.dtd">',
    ],
)
def test_document_types_and_entities_are_refused(tmp_path: Path, prolog: str) -> None:
    text = f"{prolog}<rss><item><id>1</id><title>&a;</title></item></rss>"
    with pytest.raises(FeedError, match="document type"):
        read_bytes(tmp_path, "feed.xml", text.encode())


def test_xml_beyond_the_bounds(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="deeper"):
        read_bytes(tmp_path, "feed.xml", b"<rss>" + b"<a>" * 100_000)
    with pytest.raises(FeedError, match="tag longer"):
        read_bytes(tmp_path, "feed.xml", b'<rss a="' + b"x" * (12 * 1024**2))
    item = "<item><id>{}</id><title>{}</title></item>"
    text = f"<rss>{item.format(1, 'x' * (2 * MAX_LINE))}\n{item.format(2, 'Mug')}</rss>"
    contents = read_bytes(tmp_path, "feed.xml", text.encode())
    assert ids(contents) == ["2"]


def test_a_gzip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=9) as stream:
        stream.write(b"id,title\n")
        for _ in range(120):
            stream.write(b"\n" * 1024**2)
    data = (tmp_path / "bomb.csv.gz").read_bytes()
    with pytest.raises(FeedError, match="unpacks to more than"):
        read_bytes(tmp_path, "feed.csv.gz", data)


def test_a_parquet_bomb_of_one_repeated_value_stays_small(tmp_path: Path) -> None:
    rows, megabyte = 1024, 1024**2
    table = pa.table(
        {
            "id": [str(number) for number in range(rows)],
            "title": pa.DictionaryArray.from_arrays(
                pa.array([0] * rows, pa.int32()), pa.array(["x" * megabyte])
            ),
        }
    )
    path = tmp_path / "feed.parquet"
    pq.write_table(table, path, compression="zstd", store_schema=False)
    usual = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counted)
    try:
        rejected = len(read_feed(path, FeedSettings(path=path)).rejections)
    finally:
        pa.set_memory_pool(usual)
    assert rejected == rows
    assert counted.max_memory() < 64 * megabyte


def test_parquet_that_unpacks_far_beyond_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    table = pa.table({"id": ["1"] * 64, "title": ["x" * 1024**2] * 64})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    with pytest.raises(FeedError, match="unpacks to"):
        read_feed(path, FeedSettings(path=path))


def test_rows_with_thousands_of_fields_are_rejected_and_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(40):
            wide = 6_000 if number % 2 else MAX_FIELDS - 2
            keys = {f"k{number}x{key}": "" for key in range(wide)}
            stream.write(json.dumps({"id": str(number), "title": "Mug", **keys}) + "\n")
    tracemalloc.start()
    contents = read_feed(path, FeedSettings(path=path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(contents.products) == 20
    assert {each.rule for each in contents.rejections} == {"a row has at most 2,000 fields"}
    assert peak < 20 * 1024**2
    header = ",".join(f"c{number}" for number in range(MAX_FIELDS))
    with pytest.raises(FeedError, match="columns, more than"):
        read_bytes(tmp_path, "feed.csv", f"id,title,{header}\n".encode())
