"""Update the products table from the feed's copy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import FeedContents, Product
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import FeedError, InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.feed import FeedFile
from catalog_gen.store.products import FeedChanges, record_feed
from catalog_gen.store.runs import note_figures

#: The attribute that carries the hash of a product's reference photo: a new photo under the old
#: name changes the product, and so redraws what was made from it.
REFERENCE_HASH: Final = "reference_sha256"

#: What a run notes of a feed's changes.
FIGURES: Final = ("active", "added", "changed", "retired", "rejected")


def read_products(catalog: Catalog, path: Path) -> FeedContents:
    """Parse a feed and hash the reference photos that it names. Writes nothing.

    Raises:
        FeedError: the feed can't be read, or none of its rows is a product for sale.
    """
    contents = read_feed(path, catalog.settings.feed)
    _require_products(contents, path)
    folders = catalog.settings.feed.reference_folders
    products = tuple(_with_reference_hash(product, folders) for product in contents.products)
    return replace(contents, products=products)


def record_products(catalog: Catalog, feed: FeedFile, stamp: Stamp) -> FeedChanges:
    """Parse the feed's copy and bring the products table up to date, whole or not at all.

    Notes ``products`` and ``feed`` with the run.

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
        figures = {name: getattr(changes, name) for name in FIGURES}
        note_figures(connection, stamp.run_id, "products", figures, stamp.now)
        feed_figures = {"platform": changes.platform, "skipped": dict(changes.skipped)}
        note_figures(connection, stamp.run_id, "feed", feed_figures, stamp.now)
    return changes


def _require_products(contents: FeedContents, path: Path) -> None:
    """A feed without products is an export that went wrong, and must not pass for an empty shop."""
    if contents.products:
        return
    reasons = [f"{count} {why}" for why, count in contents.skipped.items()]
    rules = Counter(rejection.rule for rejection in contents.rejections)
    reasons += [f"{count} rejected: {rule}" for rule, count in rules.most_common(3)]
    raise FeedError(
        str(path),
        f"none of its {contents.rows_read} rows, read as {contents.platform}, is a product for "
        f"sale ({'; '.join(reasons) or 'it is empty'})",
        "Nothing was changed. Check the export, or feed.aliases and feed.platform.",
    )


def photo_hash(product: Product, folders: Sequence[Path]) -> str:
    """A photo that can't be read hashes to ''; drawing then fails that product alone."""
    try:
        return sha256_file(resolve_reference(product.reference, folders))
    except (InputError, OSError):
        return ""


def _with_reference_hash(product: Product, folders: Sequence[Path]) -> Product:
    if not product.reference:
        return product
    digest = photo_hash(product, folders)
    return replace(product, attributes={**product.attributes, REFERENCE_HASH: digest})
