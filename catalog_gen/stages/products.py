"""From the feed's copy to the products table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import FeedContents, Product
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.feed import FeedFile
from catalog_gen.store.products import FeedChanges, record_feed
from catalog_gen.store.runs import note_figures

#: The attribute that carries the hash of a product's reference photo: a new photo under the old
#: name changes the product, and so redraws what was made from it.
REFERENCE_HASH: Final = "reference_sha256"


def read_products(catalog: Catalog, path: Path) -> FeedContents:
    """Parse a feed and hash the reference photos that it names. Writes nothing."""
    contents = read_feed(path, catalog.settings.feed)
    folders = catalog.settings.feed.reference_folders
    products = tuple(_with_reference_hash(product, folders) for product in contents.products)
    return replace(contents, products=products)


def record_products(catalog: Catalog, feed: FeedFile, stamp: Stamp) -> FeedChanges:
    """Parse the feed's copy and bring the products table up to date, whole or not at all.

    Notes ``products`` with the run.

    Raises:
        FeedError: the feed can't be read, or it lost more products than the settings allow.
    """
    contents = read_products(catalog, feed.path)
    with catalog.store.writing() as connection:
        changes = record_feed(
            connection,
            contents,
            source=feed.source,
            sha256=feed.sha256,
            shrink_limit=catalog.settings.feed.shrink_limit,
            run_id=stamp.run_id,
            now=stamp.now,
        )
        figures = {
            "active": changes.active,
            "added": changes.added,
            "changed": changes.changed,
            "retired": changes.retired,
            "rejected": changes.rejected,
        }
        note_figures(connection, stamp.run_id, "products", figures, stamp.now)
    return changes


def photo_hash(product: Product, folders: Sequence[Path]) -> str:
    """A photo that can't be read hashes to ''; drawing then fails that product by name."""
    try:
        return sha256_file(resolve_reference(product.reference, folders))
    except (InputError, OSError):
        return ""


def _with_reference_hash(product: Product, folders: Sequence[Path]) -> Product:
    if not product.reference:
        return product
    digest = photo_hash(product, folders)
    return replace(product, attributes={**product.attributes, REFERENCE_HASH: digest})
