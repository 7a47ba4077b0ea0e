"""The feed and its products."""

import dagster as dg

from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.feed import current_feed, take_feed
from catalog_gen.stages.products import record_products
from catalog_gen.stages.runs import note
from resources.catalog import CatalogResource

#: Reading and recording a feed again changes nothing, so a passing disk fault may be tried again.
retry_twice = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


@dg.asset(group_name="catalog", kinds={"file"}, code_version="1", retry_policy=retry_twice)
def product_feed(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """The shop's feed, copied as it was when the refresh began."""
    feed = take_feed(catalog.open())
    return dg.MaterializeResult(
        metadata={
            "source": dg.MetadataValue.path(feed.source),
            "sha256": feed.sha256,
            "bytes": feed.size,
        }
    )


@dg.asset(deps=[product_feed], group_name="catalog", kinds={"duckdb"}, code_version="1")
def products(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """Every product of the feed, validated; rows that broke a rule are kept as rejections."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run_id)
    changes = record_products(opened, current_feed(opened.home), stamp)
    figures = {
        "active": changes.active,
        "added": changes.added,
        "changed": changes.changed,
        "retired": changes.retired,
        "rejected": changes.rejected,
    }
    note(opened, stamp, "products", figures)
    return dg.MaterializeResult(metadata=figures)
