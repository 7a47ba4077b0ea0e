"""Small pictures in Dagster's metadata, so that a person sees what a run drew."""

from collections.abc import Mapping

import dagster as dg

from catalog_gen.reporting.contact_sheet import preview_markdown
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.images import images_of_run, stored_png


def attach_previews(
    context: dg.AssetExecutionContext, catalog: Catalog, drawn: Mapping[int, int], most: int = 8
) -> None:
    """Say for each shard how many pictures were drawn; the run's first pictures go to its first."""
    for shard, count in drawn.items():
        context.add_asset_metadata({"drawn": count}, partition_key=f"{shard:02d}")
    if not drawn:
        return
    with catalog.store.reading() as connection:
        pictures = [
            stored_png(connection, image_id)
            for image_id in images_of_run(connection, context.run.run_id, most)
        ]
    first = f"{min(drawn):02d}"
    previews = dg.MetadataValue.md(preview_markdown(pictures))
    context.add_asset_metadata(
        {"drawn": drawn[min(drawn)], "previews": previews}, partition_key=first
    )
