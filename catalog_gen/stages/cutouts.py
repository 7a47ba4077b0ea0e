"""Cut products out of their photos, where a view draws by a method that needs a mask.

A photo is cut out once by each maker: its measuring, or one model's weights. The product then has
the mask's hash as an attribute, so that another mask changes it; or it says why it has none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from time import perf_counter
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.catalog.product_columns import Products
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import canonical_json
from catalog_gen.imaging.encode import encode_mask
from catalog_gen.progress import report
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.photos import unchanged_photo
from catalog_gen.store.cutouts import CutoutRow, KnownCutout, known_cutouts, save_cutouts
from catalog_gen.store.products import change_attribute
from catalog_gen.vision.cutout import Cutout, Cutter, cutter_of, maker_of

#: The mask's hash, and why there is none: attributes of a product with a photo.
MASK_HASH: Final = "mask_sha256"
MASK_PROBLEM: Final = "mask_problem"

#: In a plan: a photo that the refresh will cut out.
NOT_YET: Final = "not cut out yet"
#: Cutouts that are stored in one transaction: what a run loses that dies.
_SAVED: Final = 16


@dataclass(frozen=True, slots=True)
class CutoutCount:
    """Photos that a run cut out, and those of them that it could not."""

    made: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Done:
    row: CutoutRow
    mask: bytes


def needs_masks(settings: CatalogSettings) -> bool:
    """Whether any view draws by a method that needs one."""
    return any("mask" in view.method.needs for view in settings.views.values())


def with_masks(catalog: Catalog, products: Products, photo: str) -> Products:
    """The products with what is known of their masks; nothing is cut out.

    Args:
        photo: the attribute that has the photo's hash.

    Raises:
        ModelError: the configured model's folder can't be used.
    """
    if not needs_masks(catalog.settings):
        return products
    maker = maker_of(_cutter(catalog))
    with catalog.store.peek() as connection:
        known = known_cutouts(connection, maker)
    return products.changed(
        products.having(photo), lambda each: _with_mask(each, each.attributes[photo], known)
    )


def cut_out(catalog: Catalog, products: Sequence[Product], photo: str, stamp: Stamp) -> CutoutCount:
    """Cut out the products' photos that were not yet, and store what came of it.

    Raises:
        ModelError: the configured model can't be used.
        StoreBusyError: another process holds the database.
    """
    if not needs_masks(catalog.settings):
        return CutoutCount()
    cutter = _cutter(catalog)
    with catalog.store.reading() as connection:
        known = known_cutouts(connection, maker_of(cutter))
    todo: dict[str, str] = {}
    for product in products:
        digest = product.attributes.get(photo, "")
        if digest and digest not in known:
            todo.setdefault(digest, product.reference)
    made = failed = 0
    waiting: list[_Done] = []
    for number, done in enumerate(_cut(catalog, todo, cutter, stamp), start=1):
        waiting.append(done)
        made += bool(done.mask)
        failed += not done.mask
        if len(waiting) == _SAVED or number == len(todo):
            with catalog.store.writing() as connection:
                _save(connection, waiting)
            waiting.clear()
        report("cut out", number, len(todo))
    return CutoutCount(made, failed)


def change_masks(
    connection: DuckDBPyConnection,
    catalog: Catalog,
    photos: Mapping[str, str],
    references: Mapping[str, str],
    stamp: Stamp,
) -> None:
    """Cut out photos that changed, and give their products the new masks.

    Args:
        photos: the photo's hash by product; '' where it can't be read.
        references: the photo as the feed names it, by product.
    """
    if not photos or not needs_masks(catalog.settings):
        return
    cutter = _cutter(catalog)
    known = known_cutouts(connection, maker_of(cutter))
    todo = {
        digest: references[product_id]
        for product_id, digest in photos.items()
        if digest and digest not in known
    }
    _save(connection, list(_cut(catalog, todo, cutter, stamp)))
    known = known_cutouts(connection, maker_of(cutter))
    nothing = KnownCutout("", "")
    found = {name: known.get(digest, nothing) for name, digest in photos.items()}
    masks = {name: each.mask_sha256 for name, each in found.items()}
    problems = {name: _problem(each) for name, each in found.items()}
    change_attribute(connection, MASK_HASH, masks, stamp.now)
    change_attribute(connection, MASK_PROBLEM, problems, stamp.now)


def _cutter(catalog: Catalog) -> Cutter:
    hashes = HashCache(catalog.home.hashes)
    cutter = cutter_of(catalog.settings.cutout, hashes)
    hashes.save()
    return cutter


def _cut(
    catalog: Catalog, todo: Mapping[str, str], cutter: Cutter, stamp: Stamp
) -> Iterator[_Done]:
    made_by, maker = canonical_json(dict(cutter.made_by)), maker_of(cutter)
    for digest, reference in todo.items():
        started = perf_counter()
        try:
            seen = unchanged_photo(catalog, reference, {digest})
            cutout = (
                Cutout(None, "it changed while it was read. Refresh again")
                if seen is None
                else cutter.cut(seen)
            )
        except InputError as error:
            cutout = Cutout(None, str(error))
        mask = b"" if cutout.mask is None else encode_mask(cutout.mask)
        row = CutoutRow(
            photo_sha256=digest,
            maker=maker,
            made_by=made_by,
            mask_sha256=sha256(mask).hexdigest() if mask else "",
            problem=cutout.problem,
            area=round(cutout.area, 5),
            seconds=round(perf_counter() - started, 4),
            made_at=stamp.now,
            run_id=stamp.run_id,
        )
        yield _Done(row, mask)


def _save(connection: DuckDBPyConnection, done: Sequence[_Done]) -> None:
    rows = [each.row for each in done]
    save_cutouts(connection, rows, {each.row.mask_sha256: each.mask for each in done if each.mask})


def _with_mask(product: Product, digest: str, known: Mapping[str, KnownCutout]) -> Product:
    cutout = known.get(digest, KnownCutout(NOT_YET, ""))
    facts = {MASK_HASH: cutout.mask_sha256}
    if cutout.problem:
        facts[MASK_PROBLEM] = _problem(cutout)
    return replace(product, attributes={**product.attributes, **facts})


def _problem(cutout: KnownCutout) -> str:
    return f"its photo can't be cut out: {cutout.problem}" if cutout.problem else ""
