"""Ingest what crashed or blocked runs left in the outbox into the database.

Every stage that looks for missing pictures calls this first, so that no waiting picture is planned
or drawn twice.
"""

from typing import Final

from catalog_gen.errors import StoreBusyError
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Ingested, ingest

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


def _ingest(catalog: Catalog, store: Store, stamp: Stamp) -> Ingested:
    return ingest(
        store,
        catalog.outbox,
        stamp.run_id,
        max_tries=catalog.settings.limits.tries,
        place=catalog.settings.store.pictures,
    )
