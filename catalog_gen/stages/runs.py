"""Record how runs ended, and the pictures that they made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.connection import Store
from catalog_gen.store.figures import drawn_in_run
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.runs import Ending, finish_run, note_figures, run_statuses, undescribed_runs


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, when that was noticed, its job, who launched it, and why it failed."""

    run_id: str
    status: Ending
    at: datetime
    job: str = ""
    launched_by: str = ""
    error: str = ""


def finish(catalog: Catalog, stamp: Stamp) -> None:
    """Record that the run has succeeded, so that the snapshot that it writes includes this."""
    with catalog.store.writing() as connection:
        finish_run(connection, stamp.run_id, "succeeded", stamp.now)


def record_ends(store: Store, outbox: Outbox, ends: Sequence[End]) -> None:
    """Record how runs ended, unless the store already has their ends.

    A run that did not reach the end of a drawing stage has not noted its pictures; they are counted
    here, including those that still wait in the outbox.

    Raises:
        StoreError: the database can't be used.
    """
    with store.reading() as connection:
        known = run_statuses(connection, [end.run_id for end in ends])
        undescribed = undescribed_runs(connection)
    new = [
        end
        for end in ends
        if known.get(end.run_id) != end.status or (end.job and end.run_id in undescribed)
    ]
    if not new:
        return
    waiting = outbox.waiting_by_run()
    with store.writing() as connection:
        for end in new:
            finish_run(
                connection,
                end.run_id,
                end.status,
                end.at,
                error=end.error,
                job=end.job,
                launched_by=end.launched_by,
            )
            drawn = drawn_in_run(connection, end.run_id)
            generated = drawn.generated + waiting.get(end.run_id, 0)
            if end.status != "succeeded" and generated:
                figures = {"generated": generated, "failed": drawn.failed}
                note_figures(connection, end.run_id, "images", figures, end.at)
