"""The summary of a night, from the store's rows."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from duckdb import DuckDBPyConnection
from PIL import Image

from catalog_gen.errors import CorruptionError, InputError
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import encode
from catalog_gen.reporting.nights.message import Album, Picture
from catalog_gen.reporting.nights.summary import Drift, NightSummary, Trouble
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.failures import outlook
from catalog_gen.stages.review import waiting_for_a_person
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.images import stored_png
from catalog_gen.store.nights import (
    ShownPicture,
    drawn_reasons,
    gone_live,
    moved_in_run,
    replayed_before,
    usual_drawing,
)
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.runs import runs_like

#: Pictures of each kind in a summary, and their longest side in pixels.
SHOWN: Final = 12
SIDE: Final = 256


def night_summary(catalog: Catalog, start: str) -> NightSummary:
    """What the run whose id begins so did, and what is left to do.

    Raises:
        InputError: the store has no such run.
        StoreError: the database can't be read.
    """
    with catalog.store.reading() as connection:
        found = runs_like(connection, start)
        if len(found) != 1:
            rule = "no run's id begins so" if not found else f"{len(found)} runs' ids begin so"
            raise InputError(start, rule, "`catalog-gen runs` lists them.")
        (run,) = found
        run_id = run.run_id
        left = outlook(connection, catalog.settings)
        waiting = waiting_for_a_person(connection, catalog.settings)
        coverage = coverage_figures(connection)
        results, causes = replayed_before(connection, run_id)
        moved = moved_in_run(connection, run_id)
        pictures = catalog.store.pictures(connection)
        new = gone_live(connection, run_id, SHOWN)
        doubtful = [
            ShownPicture(each.image_id, each.product_id, each.product_id, each.view)
            for each in waiting[:SHOWN]
        ]
        albums = (
            Album("New in the shop", _shown(connection, pictures, new)),
            Album("Waiting for a person", _shown(connection, pictures, doubtful)),
        )
        return NightSummary(
            run_id=run.run_id,
            status=run.status,
            launched_by=run.launched_by,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=run.error,
            figures=run.summary,
            reasons=drawn_reasons(connection, run_id),
            troubles=tuple(
                Trouble(group.count, group.rule, group.remedy)
                for group in (*left.groups, *left.lessons)
            ),
            waiting=len(waiting),
            usual_seconds=usual_drawing(connection, run_id),
            drift=Drift(results, causes),
            live=coverage.live,
            active=coverage.active,
            added=moved.added,
            removed=moved.removed,
            albums=albums,
        )


def _shown(
    connection: DuckDBPyConnection, pictures: Pictures, shown: Sequence[ShownPicture]
) -> tuple[Picture, ...]:
    """Small copies; a picture whose bytes are damaged or gone is left out, as `verify` says it."""
    found: list[Picture] = []
    for each in shown:
        try:
            pixels = read_image(stored_png(connection, pictures, each.image_id))
        except (InputError, CorruptionError):
            continue
        image = Image.fromarray(pixels)
        image.thumbnail((SIDE, SIDE))
        caption = f"{each.title}, {each.view}"
        name = f"{each.image_id[:32]}@catalog-gen"
        found.append(Picture(name, caption, encode(np.asarray(image), "JPEG", 85)))
    return tuple(found)
