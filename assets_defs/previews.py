"""Thumbnails in Dagster's metadata that show what a run drew."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from assets_defs.partitions import shard_key
from catalog_gen.reporting.thumbnail import thumbnail
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.images import DrawnPicture, pictures_of_run, stored_pngs
from catalog_gen.store.ledger import OpenFailure, open_failures

#: Thumbnails per run, and at most per shard. Dagster stores metadata about four times over.
SHOWN: Final = 16
SHOWN_A_SHARD: Final = 3

#: Dagster's web UI shows Markdown of up to 1,000 characters inline, and more behind a link.
AT_ONCE: Final = 999

#: Maximum characters of a title.
TITLE: Final = 60


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
        kept = catalog.store.pictures(connection)
        bytes_of = stored_pngs(connection, kept, [each.image_id for each in pictures])
    failed: dict[int, list[OpenFailure]] = defaultdict(list)
    for each in failures:
        for shard in set(each.shards):
            failed[shard].append(each)
    shown: dict[int, list[DrawnPicture]] = defaultdict(list)
    for picture in pictures:
        shown[picture.shard].append(picture)
    for shard in shards:
        metadata: dict[str, dg.MetadataValue | int] = {"drawn": drawn.get(shard, 0)}
        metadata["failed"] = len(failed[shard])
        if failed[shard]:
            metadata["failed products"] = dg.MetadataValue.json(
                sorted(
                    f"{product_id} {each.view}"
                    for each in failed[shard]
                    for product_id, place in zip(each.product_ids, each.shards, strict=True)
                    if place == shard
                )
            )
        # The asset's page shows the metadata of the shard that Dagster stored last.
        previews = shown[shard][:SHOWN_A_SHARD] or pictures[:1]
        for number, picture in enumerate(previews, start=1):
            name = f"preview {number}" if len(previews) > 1 else "preview"
            metadata[name] = _preview(picture, bytes_of[picture.image_id])
        context.add_asset_metadata(metadata, partition_key=shard_key(shard))


def _preview(picture: DrawnPicture, content: bytes) -> dg.MetadataValue:
    """The picture with the shop's product and the reason for it, as Markdown."""
    parts = (f"{picture.product_id} {_short(picture.title)}", picture.view, picture.reason)
    words = ", ".join(map(_plain, parts))
    url = thumbnail(content, AT_ONCE - len(words) - len("![]()  "))
    return dg.MetadataValue.md(f"![]({url}) {words}" if url else words)


def _short(title: str) -> str:
    return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"


def _plain(text: str) -> str:
    """Shop text on one line, without markup of its own."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+!|~" else sign for sign in plain)
