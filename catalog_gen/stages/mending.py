"""Draw again what failed, after its cause was fixed.

A night gives a picture up after a number of failed attempts, and wishes that use a broken photo
contain its hash. So before a picture is drawn again on request, the photos are hashed again, the
wishes that use them are rewritten, and attempts are counted from zero.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from duckdb import DuckDBPyConnection

from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.cutouts import change_masks
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.products import REFERENCE_HASH, photo_hash
from catalog_gen.stages.prompts import desired_prompts, store_wishes
from catalog_gen.stages.retries import one_more_rung
from catalog_gen.stages.takeover import take_over
from catalog_gen.stages.views import compile_views
from catalog_gen.store.ledger import OpenFailure, open_failures, plan_again, save_plan
from catalog_gen.store.products import change_attribute, only_products, products_named
from catalog_gen.store.prompts import known_attributes
from catalog_gen.store.retries import AllRejected, all_rejected

#: What can be drawn again: failures that a night would try again, those that it gave up, and
#: pictures whose every candidate was rejected.
Kind = Literal["failed", "given up", "rejected"]


@dataclass(frozen=True, slots=True)
class Mended:
    """Work that was planned again on request.

    Attributes:
        again: failed pictures planned again unchanged.
        photos: products whose photo has changed; their wishes were rewritten.
        rungs: number of new candidates where all candidates were rejected.
        shards: the shards of all this work.
    """

    again: int
    photos: int
    rungs: int
    shards: tuple[int, ...]


def mendable(
    connection: DuckDBPyConnection, kinds: Collection[Kind]
) -> tuple[list[OpenFailure], list[AllRejected]]:
    """Failures, and fully rejected products and views, of these kinds in the whole catalog."""
    failures = [each for each in open_failures(connection) if each.status in kinds]
    return failures, all_rejected(connection) if "rejected" in kinds else []


def mend(
    catalog: Catalog,
    kinds: Collection[Kind],
    stamp: Stamp,
    *,
    shards: Collection[int] | None = None,
    products: Collection[str] = (),
) -> Mended:
    """Plan failed pictures again.

    Args:
        shards: the shards to look in; None: all.
        products: only pictures that these products lack; empty: all. Products that share them get
            them as well.

    Raises:
        ConfigError: a template can't be used.
        ModelError: the model can't be used.
        StoreBusyError: another process holds the database.
    """
    take_over(catalog, stamp)
    drawer = Drawer.of(catalog)

    def wanted(each: OpenFailure | AllRejected) -> bool:
        here = shards is None or not set(each.shards).isdisjoint(shards)
        return here and (not products or not set(each.product_ids).isdisjoint(products))

    with catalog.store.writing() as connection:
        failed, refused = mendable(connection, kinds)
        failures = [each for each in failed if wanted(each)]
        rejected = [each for each in refused if wanted(each)]
        lacking: list[OpenFailure | AllRejected] = [*failures, *rejected]
        places = {
            product_id: shard
            for each in lacking
            for product_id, shard in zip(each.product_ids, each.shards, strict=True)
        }
        photos = look_at_photos(connection, catalog, places, stamp)
        write_wishes(connection, catalog, drawer, photos, stamp)
        still_wanted = {each.recipe_id for each in open_failures(connection)}
        recipe_ids = still_wanted & {each.recipe_id for each in failures}
        again = plan_again(connection, recipe_ids, stamp.run_id, stamp.now)
        rungs = one_more_rung(rejected, catalog.settings, drawer.budget, drawer.hash)
        save_plan(connection, rungs, stamp.run_id, stamp.now)
    return Mended(
        again=again,
        photos=len(photos),
        rungs=len(rungs),
        shards=tuple(sorted(set(places.values()))),
    )


def look_at_photos(
    connection: DuckDBPyConnection, catalog: Catalog, product_ids: Collection[str], stamp: Stamp
) -> list[str]:
    """Hash these products' photos again; returns the ids of those whose photo changed."""
    folders = catalog.photo_folders
    products = products_named(connection, product_ids)
    hashes = {
        product.product_id: digest
        for product in products
        if product.reference
        and (digest := photo_hash(product, folders)) != product.attributes.get(REFERENCE_HASH)
    }
    if hashes:
        change_attribute(connection, REFERENCE_HASH, hashes, stamp.now)
        references = {product.product_id: product.reference for product in products}
        change_masks(connection, catalog, hashes, references, stamp)
    return list(hashes)


def write_wishes(
    connection: DuckDBPyConnection,
    catalog: Catalog,
    drawer: Drawer,
    product_ids: Sequence[str],
    stamp: Stamp,
) -> None:
    """Rewrite the wishes of these products from their current fields, and plan them."""
    if not product_ids:
        return
    views = compile_views(catalog.settings, known_attributes(connection), drawer.dialect)
    with only_products(connection, product_ids) as relation:
        store_wishes(
            connection, desired_prompts(connection, views, drawer, relation=relation), stamp
        )
