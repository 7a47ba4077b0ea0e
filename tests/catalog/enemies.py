"""Damaged feeds and the properties that must hold for them, for the readers' tests and benchmark.

A feed starts whole, in one of the formats, and is then cut, repeated, overwritten and filled with
pieces that mean something to a parser. What comes of it must be products and rejections that add
up, or one ``FeedError``.
"""

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.readers.record import SHOWN_CHARACTERS
from catalog_gen.catalog.text import clean_text
from catalog_gen.catalog.validation import MAX_ID
from catalog_gen.errors import FeedError
from catalog_gen.settings.feed import FeedSettings
from tests.catalog.feed_files import (
    ATOM,
    BIGCOMMERCE,
    BIGCOMMERCE_OLDER,
    ETSY,
    GOOGLE_XML,
    HEADER,
    META,
    ROWS,
    SHOPIFY,
    csv_text,
    jsonl_text,
)


def _parquet() -> bytes:
    stream = io.BytesIO()
    columns = dict(zip(HEADER, zip(*ROWS, strict=True), strict=True))
    pq.write_table(
        pa.table(columns | {"stock": [1.0, None, 3.5], "tags": [["a"], [], None]}), stream
    )
    return stream.getvalue()


class Seed(NamedTuple):
    """A whole feed; ``finish`` is applied to its bytes after they were damaged."""

    file: str
    data: bytes
    finish: Callable[[bytes], bytes] = bytes


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=1, mtime=0)


_CSV: Final = csv_text(ROWS)
_PLATFORMS: Final = Path(__file__).parent / "platforms"
#: One export for each reader that the feeds above don't reach.
_READERS: Final = frozenset(
    {
        *("akeneo_products", "amazon_flat_file", "atom_summary", "magento_export"),
        *("prestashop_reference", "shopify_new_template", "woocommerce_export", "windows_1251"),
    }
)

SEEDS: Final = {
    "csv": Seed("feed.csv", _CSV.encode()),
    "csv of UTF-16": Seed("feed.csv", _CSV.encode("utf-16")),
    "csv of Windows": Seed("feed.csv", _CSV.replace("\n", "\r\n").encode("cp1252")),
    "tsv": Seed("feed.tsv", csv_text(ROWS, "\t").encode()),
    "jsonl": Seed("feed.jsonl", jsonl_text(ROWS).encode()),
    "google rss": Seed("feed.xml", GOOGLE_XML.encode()),
    "google atom": Seed("feed.xml", ATOM.encode()),
    "shopify": Seed("feed.csv", SHOPIFY.encode()),
    "bigcommerce": Seed("feed.csv", BIGCOMMERCE.encode()),
    "older bigcommerce": Seed("feed.csv", BIGCOMMERCE_OLDER.encode()),
    "etsy": Seed("feed.csv", ETSY.encode()),
    "meta": Seed("feed.csv", META.encode()),
    **{
        path.stem: Seed(f"feed{path.suffix}", path.read_bytes())
        for path in sorted(_PLATFORMS.iterdir())
        if path.stem in _READERS
    },
    "parquet": Seed("feed.parquet", _parquet()),
    "gzip, damaged outside": Seed("feed.csv.gz", _packed(_CSV.encode())),
    "gzip, damaged inside": Seed("feed.jsonl.gz", jsonl_text(ROWS).encode(), _packed),
    "gzipped xml, damaged inside": Seed("feed.xml.gz", GOOGLE_XML.encode(), _packed),
}

#: What parsers look for, and what they trip over.
PIECES: Final = (
    *(b'"', b'""', b'","', b"\0", b"\n", b"\r", b"\r\n", b"\t", b";", b",", b"|", b"\\"),
    *(b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"<?xml ?>", b"</item>", b"<item>"),
    *(b"<!DOCTYPE a>", b'<!ENTITY a "b">', b"&a;", b"&#0;", b"&#xD800;", b"&#x10FFFF;"),
    *(b"{", b"}", b"[", b"]", b'{"id":', b"\\ud800", b"\\u0000", b"1e999", b"NaN", b"null"),
    *(b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xae"),
    *(b"\x1f\x8b\x08", b"PAR1", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0"),
    *(b"../", b"{{7*7}}", b"=1+1", b"id", b"title", b"Handle", b"product_id"),
    *(b'"' * 3000, b"<b>" * 70, b"[" * 3000, b"x" * 21_000, b"\n" * 3000, b"\0" * 300),
)

Change = tuple[Literal["set", "cut", "insert", "repeat", "shorten", "swap"], float, bytes]

#: Lists of changes: what is done, where (as a share of the feed's length), with which piece.
changes: Final = st.lists(
    st.tuples(
        st.sampled_from(("set", "cut", "insert", "repeat", "shorten", "swap")),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=8)),
    ),
    min_size=1,
    max_size=8,
)


def damaged(seed: Seed, done: list[Change]) -> bytes:
    """The seed's bytes after these changes."""
    data = seed.data
    for kind, place, piece in done:
        at = int(place * len(data))
        match kind:
            case "set":
                data = data[:at] + piece + data[at + len(piece) :]
            case "cut":
                data = data[:at] + data[at + len(piece) :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "repeat":
                data = data[:at] + data[at : at + 40] * (1 + len(piece) % 9) + data[at:]
            case "shorten":
                data = data[: max(1, at)]
            case "swap":
                data = data[at:] + data[:at]
    return seed.finish(data)


def read_enemy(folder: Path, file: str, data: bytes) -> FeedContents | None:
    """Read a damaged feed and check all properties; None if it was refused with a FeedError."""
    path = folder / file
    path.write_bytes(data)
    settings = FeedSettings(path=path)
    try:
        contents = read_feed(path, settings)
    except FeedError as error:
        _check_told(error, path)
        return None
    skipped = sum(contents.skipped.values())
    assert len(contents.products) + len(contents.rejections) + skipped == contents.rows_read
    ids = [product.product_id for product in contents.products]
    assert len(set(ids)) == len(ids)
    for product in contents.products:
        assert 0 < len(product.product_id) <= MAX_ID
        assert product.title
        fields = product.fields()
        for name in fields.keys() - {"reference"}:
            value = fields[name]
            assert clean_text(value) == value or name == "product_id"
            assert len(value) <= settings.max_field_length
        "".join(fields.values()).encode()  # what no file and no database could hold would raise
    for rejection in contents.rejections:
        assert rejection.line >= 1
        assert rejection.rule
        assert len(rejection.value) <= SHOWN_CHARACTERS
        assert rejection.value.isprintable()
    return contents


def _check_told(error: FeedError, path: Path) -> None:
    assert error.value.startswith(str(path))
    assert error.rule
    assert error.next_step
