"""Ingest what crashed or blocked runs left in the outbox into the database.

Every stage that looks for missing pictures calls this first, so that no waiting picture is planned
or drawn twice.
"""

from collections.abc import Sequence
from typing import Final

from catalog_gen.errors import StoreBusyError
from catalog_gen.picture_place import IN_HOME
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.connection import Store
from catalog_gen.store.images import kept_among
from catalog_gen.store.ingestion import Ingested, ingest
from catalog_gen.store.workers_outbox import fetch, workers_outbox

#: Seconds that a drawing run, and its GPU, wait for the database between two batches.
BRIEF: Final = 1.0


def take_over(catalog: Catalog, stamp: Stamp) -> Ingested:
    """Ingest the whole outbox; damaged files are set aside and reported.

    Raises:
        ConfigError: the catalog's pictures are elsewhere than the settings say.
        StoreBusyError: another process holds the database; the message names it.
        StoreError: the database failed; the files wait.
    """
    try:
        return _ingest(catalog, catalog.store, stamp)
    except StoreBusyError as error:
        waiting = len(catalog.outbox.pending())
        raise StoreBusyError(
            error.value,
            f"{error.rule}; {waiting} outbox files wait for it",
            "Close it there; the next refresh ingests them and draws none of them again.",
        ) from error


def take_over_if_free(catalog: Catalog, stamp: Stamp) -> Ingested | StoreBusyError:
    """The same between two batches; returns the error instead of waiting for the database.

    Raises:
        StoreError: the database failed; the files wait.
    """
    try:
        return _ingest(catalog, catalog.store.with_patience(BRIEF), stamp)
    except StoreBusyError as error:
        return error


def arrived(catalog: Catalog, recipe_ids: Sequence[str]) -> set[str]:
    """Those of these recipes whose picture is safe: in the outbox, or already in the database.

    Raises:
        StoreError: one of the two can't be read.
    """
    _fetch(catalog)
    # The outbox first: a picture that is ingested between the two is then in the database.
    waiting = catalog.outbox.waiting(recipe_ids)
    with catalog.store.reading() as connection:
        return waiting | kept_among(connection, recipe_ids)


def _fetch(catalog: Catalog) -> None:
    """Bring what workers on other machines drew into the catalog's own outbox."""
    place = catalog.settings.ray.outbox
    if place != IN_HOME:
        fetch(workers_outbox(catalog.home, place), catalog.outbox)


def _ingest(catalog: Catalog, store: Store, stamp: Stamp) -> Ingested:
    _fetch(catalog)
    return ingest(
        store,
        catalog.outbox,
        stamp.run_id,
        max_tries=catalog.settings.limits.tries,
        place=catalog.settings.store.pictures,
    )
