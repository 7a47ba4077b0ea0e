"""Thumbnails in Dagster's metadata that show what a run drew."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from assets_defs.partitions import shard_key
from catalog_gen.reporting.contact_sheet import preview_markdown
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.images import DrawnPicture, pictures_of_run, stored_pngs
from catalog_gen.store.ledger import OpenFailure, open_failures

#: Thumbnails per run, and at most per shard. Dagster stores metadata about four times over.
SHOWN: Final = 16
SHOWN_A_SHARD: Final = 3


def describe_shards(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    drawn: Mapping[int, int],
    shards: Sequence[int],
) -> None:
    """Report for each shard how many pictures were drawn and how many failed, and show some."""
    with catalog.store.reading() as connection:
        failures = open_failures(connection)
        pictures = pictures_of_run(connection, context.run.run_id, SHOWN)
        bytes_of = stored_pngs(connection, [each.image_id for each in pictures])
    failed: dict[int, list[OpenFailure]] = defaultdict(list)
    for each in failures:
        failed[each.shard].append(each)
    shown: dict[int, list[DrawnPicture]] = defaultdict(list)
    for picture in pictures:
        shown[picture.shard].append(picture)
    for shard in shards:
        metadata: dict[str, dg.MetadataValue | int] = {"drawn": drawn.get(shard, 0)}
        metadata["failed"] = len(failed[shard])
        if failed[shard]:
            metadata["failed products"] = dg.MetadataValue.json(
                sorted({f"{each.product_id} {each.view}" for each in failed[shard]})
            )
        # The asset's own page has the metadata of whichever shard Dagster stored last.
        previews = shown[shard][:SHOWN_A_SHARD] or pictures[:1]
        if previews:
            metadata["previews"] = _sheet(previews, bytes_of)
        context.add_asset_metadata(metadata, partition_key=shard_key(shard))


def _sheet(pictures: Sequence[DrawnPicture], bytes_of: Mapping[str, bytes]) -> dg.MetadataValue:
    """A table of pictures with the shop's product and the reason for each, as Markdown."""
    rows = ["| picture | product | view | drawn because |", "|---|---|---|---|"]
    for each in pictures:
        thumbnail = preview_markdown([bytes_of[each.image_id]])
        cells = (each.product_id, each.title, each.view, each.reason)
        product_id, title, view, reason = (_cell(text) for text in cells)
        rows.append(f"| {thumbnail} | {product_id} {title} | {view} | {reason} |")
    return dg.MetadataValue.md("\n".join(rows))


def _cell(text: str) -> str:
    """Escape shop text for a table cell: no line breaks, bars or markup."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+!|~" else sign for sign in plain)
