"""Take what waits in the outbox over into the database: what crashed or held-up runs left there.

Every stage that asks "what is still missing?" calls this first, so that no waiting picture is
planned, paid for or drawn twice.
"""

from typing import Final

from catalog_gen.errors import StoreBusyError
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Ingested, ingest

#: Seconds that a drawing run waits for the database between two batches: the GPU waits, too.
BRIEF: Final = 1.0


def take_over(catalog: Catalog, stamp: Stamp) -> Ingested:
    """All of the outbox; files that are damaged are set aside and named.

    Raises:
        ConfigError: the catalog's pictures are elsewhere than the settings say.
        StoreBusyError: another process holds the database; the message says who, and what waits.
        StoreError: the database failed; the files wait.
    """
    try:
        return _ingest(catalog, catalog.store, stamp)
    except StoreBusyError as error:
        waiting = len(catalog.outbox.pending())
        raise StoreBusyError(
            error.value,
            f"{error.rule}; {waiting} outbox files wait for it",
            "Close it there; the next refresh takes them over and draws nothing of them again.",
        ) from error


def take_over_if_free(catalog: Catalog, stamp: Stamp) -> Ingested | StoreBusyError:
    """The same between two batches: returns who holds the database instead of waiting for it.

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
