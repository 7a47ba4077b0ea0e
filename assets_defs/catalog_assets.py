"""The feed and its products."""

from dataclasses import asdict
from typing import Any, Final

import dagster as dg

from assets_defs.stage_asset import stage_asset
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import current_feed, take_feed
from catalog_gen.stages.products import FIGURES, record_products
from resources.catalog import CatalogResource

#: Maximum number of products without a photo in the asset's metadata.
_SHOWN: Final = 50


@stage_asset(group="catalog", kinds={"file"})
def product_feed(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """A copy of the shop's feed, made when the refresh began."""
    feed = take_feed(catalog.open())
    return dg.MaterializeResult(
        metadata={
            "source": dg.MetadataValue.path(feed.source),
            "sha256": feed.sha256,
            "bytes": feed.size,
        }
    )


@stage_asset(group="catalog", kinds={"duckdb"}, deps=[product_feed])
def products(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """Every product of the feed, validated; rows that break a rule are stored as rejections."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    recorded = record_products(opened, current_feed(opened.home), stamp)
    changes, photos = recorded.changes, recorded.photos
    metadata: dict[str, Any] = {
        "platform": changes.platform,
        "skipped": dg.MetadataValue.json(dict(changes.skipped)),
        **{name: getattr(changes, name) for name in FIGURES},
    }
    if photos.missing:
        shown = [asdict(each) for each in photos.missing[:_SHOWN]]
        metadata |= {
            "photos_missing": len(photos.missing),
            "photos_missing_first": dg.MetadataValue.json(shown),
        }
    return dg.MaterializeResult(metadata=metadata)
