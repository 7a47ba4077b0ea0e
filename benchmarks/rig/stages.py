"""The stages of a night behind one interface: each does its work and returns how much it did."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from catalog_gen.fingerprint import SHARDS
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.export import export
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.publication import publish_best, write_channel_feeds
from catalog_gen.stages.verdicts import judge_images
from catalog_gen.store.snapshot import publish_snapshot

from .drawn import scorer_of, store_drawn
from .large import RUN, plan, record

#: A channel that builds its feed from any other and has no rules for pictures.
CHANNEL: Final = "files"


def draw(catalog: Catalog) -> int:
    """Write the rows of what is planned, without verdicts; the number of pictures."""
    return store_drawn(catalog, judged=False)


def draw_and_judge(catalog: Catalog) -> int:
    """The same, with verdicts."""
    return store_drawn(catalog, judged=True)


def judge(catalog: Catalog) -> int:
    """The number of pictures judged."""
    found = judge_images(catalog, scorer_of(catalog), range(SHARDS), Stamp.at_once(RUN))
    return found.accepted + found.review + found.rejected


def publish(catalog: Catalog) -> int:
    """The number of live pictures.

    Raises:
        RuntimeError: a gate kept the set back.
    """
    result = publish_best(catalog, scorer_of(catalog), Stamp.at_once(RUN))
    if result.held_back:
        raise RuntimeError(result.held_back)
    return result.images


def write_feeds(catalog: Catalog) -> int:
    """The number of rows of the channel's feed below the site."""
    return write_channel_feeds(catalog).rows


def write_gallery(catalog: Catalog) -> int:
    """The number of data files written."""
    data = catalog.home.site / "data"
    before = _files(data)
    write_catalog_gallery(catalog)
    return len(_files(data) - before)


def write_export(catalog: Catalog) -> int:
    """The number of pictures in the export; how many of their files are new is not counted."""
    return export(catalog, CHANNEL, catalog.home.root / "export").images


def write_snapshot(catalog: Catalog) -> int:
    """The snapshot's size in bytes."""
    return publish_snapshot(catalog.store, catalog.home).stat().st_size


def _files(folder: Path) -> set[tuple[str, int]]:
    """Names and times of the files in a folder."""
    return {(each.name, each.stat().st_mtime_ns) for each in folder.glob("*")}


#: What prepares a store.
PREPARING: Final[Mapping[str, Callable[[Catalog], int]]] = {
    "record": record,
    "draw": draw,
    "draw and judge": draw_and_judge,
}
#: What a night does with it, in this order, and an export.
STAGES: Final[Mapping[str, Callable[[Catalog], int]]] = {
    "plan": plan,
    "judge": judge,
    "publish": publish,
    "feeds": write_feeds,
    "gallery": write_gallery,
    "snapshot": write_snapshot,
    "export": write_export,
}
