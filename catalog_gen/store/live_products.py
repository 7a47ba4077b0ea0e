"""The live products with their pictures, listed in files.

A channel's feed of a million products goes through it a few thousand at a time, and the database is
free for a refresh while pictures are written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import arrow_stream, limit_memory, registered
from catalog_gen.store.showcase import place_of

#: SQL: the live items of active products. Its inner join spills to the disk. A semi-join, which
#: DuckDB turns round by its guess of sizes, does not: once a night had ended live pictures, it
#: failed with two million of them.
SHOWN_ITEMS: Final = """
    (FROM live_items JOIN (SELECT product_id FROM active_products) USING (product_id))
"""

#: Rows read into Python at a time, and in a row group of a file.
PORTION: Final = 2_000
_PRODUCTS: Final = "products.parquet"
_PICTURES: Final = "pictures.parquet"
#: The columns of a product before those of its raw text.
_OWN: Final = 7


@dataclass(frozen=True, slots=True)
class RawText:
    """A product's texts as the shop's feed has them, which the catalog does not store."""

    product_id: str
    description: str
    category: str


@dataclass(frozen=True, slots=True)
class LiveProduct:
    """An active product with the SHA-256 and the id of its live picture by view.

    ``raw`` is its text in the shop's feed; None where none was given.
    """

    product: Product
    images: dict[str, str]
    image_ids: dict[str, str]
    raw: RawText | None = None

    def ordered_views(self, views: Sequence[str]) -> list[str]:
        """The views with a picture in the order of ``views``; views not among them come last."""
        return sorted(self.images, key=lambda view: place_of(view, views))


class LiveProducts:
    """The products in a folder that ``list_live`` filled, by id; as often as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with pq.ParquetFile(folder / _PRODUCTS) as file:
            self._count = int(file.metadata.num_rows)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[LiveProduct]:
        pictures = groupby(_rows(self._folder / _PICTURES), itemgetter(0))
        for row, (_, own) in zip(_rows(self._folder / _PRODUCTS), pictures, strict=True):
            product, shown = stored_product(row[:_OWN]), list(own)
            description, category = row[_OWN:]
            yield LiveProduct(
                product,
                {view: sha256 for _, view, sha256, _ in shown},
                {view: image_id for _, view, _, image_id in shown},
                None if description is None else RawText(product.product_id, description, category),
            )


def list_live(
    connection: DuckDBPyConnection, folder: Path, texts: Iterable[RawText] = ()
) -> LiveProducts:
    """List the active products with at least one live picture in files of a folder.

    All joins are inner or left ones, so that they spill to the disk.

    Args:
        texts: what the shop's feed says of them, at most once each.
    """
    limit_memory(connection)
    with registered(connection, "texts", arrow_stream(RawText, texts)):
        connection.execute("CREATE OR REPLACE TEMP TABLE raw_texts AS FROM texts")
    listings = {
        _PRODUCTS: f"""
            SELECT {PRODUCT_COLUMNS}, raw.description AS raw_description,
                raw.category AS raw_category
            FROM active_products AS products
            JOIN (SELECT DISTINCT product_id FROM live_items) USING (product_id)
            LEFT JOIN raw_texts AS raw USING (product_id)
            ORDER BY product_id
        """,
        _PICTURES: f"""
            SELECT product_id, view, sha256, image_id
            FROM {SHOWN_ITEMS} JOIN images USING (image_id)
            ORDER BY product_id, view
        """,
    }
    for name, query in listings.items():
        path = str(folder / name).replace("'", "''")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {PORTION})")
    return LiveProducts(folder)


def _rows(path: Path) -> Iterator[tuple[Any, ...]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PORTION):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
