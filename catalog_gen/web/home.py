"""The first page: how the catalog stands, and where to go from here."""

import streamlit as st

from catalog_gen.stages.review import waiting_for_a_person
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.runs import last_runs
from catalog_gen.web import parts
from catalog_gen.web.desk import desk


def page() -> None:
    """Figures of today, and the last run."""
    here = desk()
    st.title("Studio")
    with here.catalog.store.reading() as connection:
        figures = coverage_figures(connection)
        waiting = len(waiting_for_a_person(connection, here.catalog.settings))
        runs = last_runs(connection, 1)
    share = figures.live / figures.active if figures.active else 0.0
    with st.container(horizontal=True, gap="large"):
        st.metric("Products", figures.active)
        st.metric("With a live picture", f"{figures.live} ({share:.0%})")
        st.metric("Waiting for a person", waiting)
        st.metric("Could not be drawn", figures.open_failures)
    for run in runs:
        error = f": {run.error}" if run.error else ""
        st.write(
            parts.plain(f"The last run of {run.started_at:%Y-%m-%d %H:%M} {run.status}{error}")
        )
    st.write(
        "Keys: on Review, A accepts, X rejects, 1 to 5 reject for a criterion, S skips and U takes "
        "back; on Try, Ctrl+Enter draws and Escape stops."
    )
