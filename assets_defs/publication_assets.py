"""The last assets of a refresh: the live set, the gallery, the channels' feeds, the snapshot."""

from datetime import timedelta

import dagster as dg

from assets_defs.picture_assets import verdicts
from assets_defs.stage_asset import stage_asset
from catalog_gen.errors import StoreBusyError
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.publication import publish_best, write_channel_feeds
from catalog_gen.stages.retention import drop_old_pictures
from catalog_gen.stages.runs import finish
from catalog_gen.store.snapshot import publish_snapshot
from resources.catalog import CatalogResource
from resources.scorer import ClipScorerResource

#: A missed night is reported the next morning.
nightly = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)


@stage_asset(group="publication", kinds={"duckdb"}, deps=[verdicts], freshness=nightly)
def published_catalog(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    clip_scorer: ClipScorerResource,
) -> dg.MaterializeResult[None]:
    """The best accepted picture of each product and view, switched in one transaction."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    scorer = clip_scorer.scorer(opened.settings.scorer)
    published = publish_best(opened, scorer.scorer_hash, stamp)
    if published.held_back:
        context.log.warning(published.held_back)
    gates: dict[str, str] = {gate.gate: gate.message for gate in published.gates}
    return dg.MaterializeResult(
        metadata={
            "products": published.products,
            "images": published.images,
            "coverage": round(published.coverage, 4),
            "gates": dg.MetadataValue.json(gates),
        }
    )


@stage_asset(group="publication", kinds={"html"}, deps=[published_catalog])
def gallery(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """A page with every product, its live pictures, the other candidates and the reasons."""
    page = write_catalog_gallery(catalog.open())
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(page))})


@stage_asset(group="publication", kinds={"csv"}, deps=[published_catalog])
def channel_feeds(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """The live pictures as feeds for the sales channels."""
    feed = write_channel_feeds(catalog.open())
    return dg.MaterializeResult(
        metadata={"feed": dg.MetadataValue.path(str(feed.path)), "rows": feed.rows}
    )


@stage_asset(
    group="publication", kinds={"duckdb"}, deps=[published_catalog, gallery, channel_feeds]
)
def lineage_snapshot(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """A copy of the database for analysts, so that no query ever waits for a refresh."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    try:
        dropped = drop_old_pictures(opened, stamp)
        if dropped.pictures:
            context.log.info(
                f"The bytes of {dropped.pictures} old pictures were deleted, "
                f"{dropped.bytes / 1e6:.1f} MB"
            )
    except StoreBusyError as error:
        context.log.warning(f"No old pictures were deleted: {error}")
    finish(opened, stamp)
    path = publish_snapshot(opened.store, opened.home)
    return dg.MaterializeResult(
        metadata={"snapshot": dg.MetadataValue.path(str(path)), "bytes": path.stat().st_size}
    )
