"""Update the products table from the feed's copy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.product_columns import Products
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import FeedError, InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.photos.shelf import is_shelf_name
from catalog_gen.stages.captions import CaptionCount, caption_photos
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.cutouts import CutoutCount, cut_out, with_masks
from catalog_gen.stages.feed import FeedFile
from catalog_gen.stages.photos import NO_PHOTOS, PhotoCount, fetch, former_photos, with_photos
from catalog_gen.store.products import FeedChanges, record_feed
from catalog_gen.store.runs import note_figures

#: The attribute with the hash of a product's reference photo. A new photo under the old name thus
#: changes the product, and what was drawn from it is drawn again.
REFERENCE_HASH: Final = "reference_sha256"

#: The changes of a feed that a run records.
FIGURES: Final = ("active", "added", "changed", "retired", "rejected")


@dataclass(frozen=True, slots=True)
class ShopProducts:
    """A feed's contents, its products with their photos' and masks' hashes, and their photos."""

    contents: FeedContents
    photos: PhotoCount


@dataclass(frozen=True, slots=True)
class RecordedProducts:
    """A feed's changes, and the results of fetching its photos."""

    changes: FeedChanges
    photos: PhotoCount


def read_products(catalog: Catalog, path: Path) -> ShopProducts:
    """Parse a feed and hash its reference photos. Writes and fetches nothing.

    Raises:
        FeedError: the feed can't be read, or none of its rows is a product for sale.
        ModelError: the model that cuts photos out can't be used.
    """
    return _with_masks(catalog, _with_photos(catalog, _read(catalog, path)))


def record_products(catalog: Catalog, feed: FeedFile, stamp: Stamp) -> RecordedProducts:
    """Parse the feed's copy and update the products table, completely or not at all.

    Photos are fetched first, where the settings list their hosts, and cut out, where a view's
    method needs a mask; then captioned, where the settings name a captioner. Notes ``products``,
    ``feed``, ``photos``, ``cutouts`` and ``captions`` with the run.

    Raises:
        FeedError: the feed can't be read, or lost more products than the settings allow.
        StoreError: fetched photos can't be stored.
        ModelError: the model that cuts photos out can't be used, or the captioner.
    """
    contents = _read(catalog, feed.path)
    fetched = fetch(catalog, contents.products)
    shop = _with_photos(catalog, contents)
    cut = cut_out(catalog, shop.contents.products, REFERENCE_HASH, stamp)
    captioned = caption_photos(catalog, shop.contents.products, REFERENCE_HASH, stamp)
    shop = _with_masks(catalog, shop)
    with catalog.store.writing() as connection:
        changes = record_feed(
            connection,
            shop.contents,
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
        if shop.photos.wanted:
            photo_figures = {**asdict(fetched), "missing": len(shop.photos.missing)}
            note_figures(connection, stamp.run_id, "photos", photo_figures, stamp.now)
        if cut != CutoutCount():
            note_figures(connection, stamp.run_id, "cutouts", asdict(cut), stamp.now)
        if captioned != CaptionCount():
            note_figures(connection, stamp.run_id, "captions", asdict(captioned), stamp.now)
    return RecordedProducts(changes, shop.photos)


def _read(catalog: Catalog, path: Path) -> FeedContents:
    contents = read_feed(path, catalog.settings.feed)
    _require_products(contents, path)
    return contents


def _with_photos(catalog: Catalog, contents: FeedContents) -> ShopProducts:
    products, count = contents.products, NO_PHOTOS
    if catalog.settings.feed.fetch_photos:
        with catalog.store.peek() as connection:
            former = former_photos(connection)
        found = with_photos(catalog, products, former)
        products, count = Products.of(found.products), found.count
    folders = catalog.photo_folders
    hashed = products.changed(
        products.having("reference"), lambda each: _with_reference_hash(each, folders)
    )
    return ShopProducts(replace(contents, products=hashed), count)


def _with_masks(catalog: Catalog, shop: ShopProducts) -> ShopProducts:
    products = with_masks(catalog, shop.contents.products, REFERENCE_HASH)
    return replace(shop, contents=replace(shop.contents, products=products))


def _require_products(contents: FeedContents, path: Path) -> None:
    """Refuse a feed without products: it is a failed export rather than an empty shop."""
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
    """The hash of a product's photo; '' if it can't be read, and drawing fails that product alone.

    A fetched photo whose bytes no longer match the hash in its name also gives ''.
    """
    try:
        digest = sha256_file(resolve_reference(product.reference, folders))
    except (InputError, OSError):
        return ""
    fetched = is_shelf_name(product.reference)
    return "" if fetched and digest not in product.reference else digest


def _with_reference_hash(product: Product, folders: Sequence[Path]) -> Product:
    digest = photo_hash(product, folders)
    return replace(product, attributes={**product.attributes, REFERENCE_HASH: digest})
