"""The nightly job and its schedule."""

import dagster as dg

from assets_defs.catalog_assets import product_feed, products
from assets_defs.concept_assets import learned_concepts
from assets_defs.partitions import ALL_SHARDS
from assets_defs.picture_assets import candidate_images, clip_scores, prompts, verdicts
from assets_defs.publication_assets import (
    channel_feeds,
    gallery,
    lineage_snapshot,
    published_catalog,
)
from catalog_gen.settings.nights import ScheduleSettings

ASSETS = [
    product_feed,
    products,
    learned_concepts,
    prompts,
    candidate_images,
    clip_scores,
    verdicts,
    published_catalog,
    gallery,
    channel_feeds,
    lineage_snapshot,
]


nightly_refresh = dg.define_asset_job(
    "nightly_refresh",
    selection=dg.AssetSelection.assets(*ASSETS) | dg.AssetSelection.checks_for_assets(*ASSETS),
    description="Feed in, pictures out: draws what changed and publishes what passed.",
)


#: All assets from the pictures on; the cause of the failure was fixed by hand.
_FROM_THE_PICTURES = dg.AssetSelection.assets(*ASSETS[ASSETS.index(candidate_images) :])

retry_failed = dg.define_asset_job(
    "retry_failed",
    selection=_FROM_THE_PICTURES
    | dg.AssetSelection.checks_for_assets(*ASSETS[ASSETS.index(candidate_images) :]),
    description="Redraws what failed, once the cause is fixed, and publishes what passes.",
)


def nightly_schedule(settings: ScheduleSettings) -> dg.ScheduleDefinition:
    """One run a night over all shards, on by default."""

    @dg.schedule(
        name="nightly_refresh",
        job=nightly_refresh,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule() -> dg.RunRequest:
        return dg.RunRequest(tags=ALL_SHARDS)

    return schedule
