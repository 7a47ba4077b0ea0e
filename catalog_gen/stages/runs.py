"""What the stages of a run have to tell, kept with the run."""

from collections.abc import Mapping
from typing import Literal

from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.runs import finish_run, note_figures


def note(catalog: Catalog, stamp: Stamp, section: str, figures: Mapping[str, object]) -> None:
    """Add figures to the run's summary; a step that is tried again writes over its own."""
    with catalog.store.writing() as connection:
        note_figures(connection, stamp.run_id, section, figures, stamp.now)


def finish(catalog: Catalog, stamp: Stamp, status: Literal["succeeded", "failed"]) -> None:
    """Record how the run has ended."""
    with catalog.store.writing() as connection:
        finish_run(connection, stamp.run_id, status, stamp.now)
