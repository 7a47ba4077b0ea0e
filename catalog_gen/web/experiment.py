"""One experiment: its sheet, live as it is drawn, its findings, and two cells beside each other."""

from collections.abc import Sequence
from typing import Any, Final, TypeGuard
from urllib.parse import urlencode

import streamlit as st

from catalog_gen.experiments.definition import Experiment, level_text
from catalog_gen.experiments.effects_plot import effects_plot
from catalog_gen.experiments.results import Cell, Result
from catalog_gen.experiments.sentences import sentence
from catalog_gen.experiments.sheet import Sheet, sheets_of
from catalog_gen.stages.experiment_findings import Findings, findings
from catalog_gen.store.drawing_lock import drawing_process
from catalog_gen.store.experiment_results import (
    StoredExperiment,
    stored_experiment,
    stored_experiments,
)
from catalog_gen.web import comparing, parts
from catalog_gen.web.desk import Desk
from catalog_gen.web.experiment_process import DrawingState
from catalog_gen.web.sheet import rows_shown, sheet_html

#: Signs of an experiment's id in addresses.
SHORT: Final = 12
#: Seconds between two looks at an experiment that is being drawn.
_GLANCE: Final = 2.0


def go(**address: str) -> None:
    """Show this address of the page; Streamlit itself drops what inputs were bound to."""
    for name in ("experiment", "a", "b", "row"):
        st.query_params.pop(name, None)
    st.query_params.update(address)
    st.rerun()


def how_far(each: StoredExperiment) -> str:
    """ "36 cells, 12 drawn" until all are judged; then how many were accepted."""
    failed = f", {each.failed} failed" if each.failed else ""
    if each.drawn + each.failed < each.cells:
        return f"{each.cells} cells, {each.drawn} drawn{failed}"
    if each.judged < each.drawn:
        return f"{each.cells} cells, all drawn{failed}, {each.judged} judged"
    return f"{each.cells} cells{failed}, {each.accepted} accepted"


def show(here: Desk, start: str) -> None:
    """Everything about the experiment whose id begins so."""
    if st.button("All experiments", icon=":material/arrow_back:"):
        go()
    drawing = here.experiments.state()
    with here.catalog.store.reading() as connection:
        is_there = bool(stored_experiments(connection, start))
    if not is_there and drawing is not None and drawing.experiment_id.startswith(start):
        _starting(here, start, drawing)
        return
    with here.catalog.store.reading() as connection:
        stored = stored_experiment(connection, start)
    st.subheader(
        parts.plain(Experiment.model_validate_json(stored.definition).title or stored.name),
        anchor=False,
    )
    found = findings(here.catalog, stored.experiment_id, here.config)
    grids = list(dict.fromkeys(each.grid for each in found.results))
    grid = grids[0]
    if len(grids) > 1:
        grid = st.radio(
            "Grid",
            grids,
            horizontal=True,
            key="grid",
            bind="query-params",
            on_change=_from_the_start,
        )
    live = _is_live(here, stored)
    st.fragment(_sheet, run_every=_GLANCE if live else None)(here, stored.experiment_id, grid, live)
    own = [each for each in found.results if each.grid == grid]
    if any(each.recipe_id in found.kept for each in own):
        st.subheader("Two cells beside each other", anchor=False)
        comparing.compare(here, own, found.kept)
    _findings(found, grid)
    _table(own)
    _files(here, stored)


def _from_the_start() -> None:
    for name in ("a", "b", "row"):
        st.query_params.pop(name, None)


def _starting(here: Desk, start: str, drawing: DrawingState) -> None:
    """The time until the run has planned its cells."""

    def wait() -> None:
        with here.catalog.store.reading() as connection:
            is_there = bool(stored_experiments(connection, start))
        if is_there:
            st.rerun()
        state = here.experiments.state()
        if state is not None and state.step == "running":
            st.info(f"{parts.plain(state.name)} begins: Dagster and the model are loaded.")
            _stop(here)
        elif state is not None:
            _ended(state)

    st.fragment(wait, run_every=_GLANCE if drawing.step == "running" else None)()


def _is_live(here: Desk, stored: StoredExperiment) -> bool:
    """Whether somebody draws, and this experiment is not finished."""
    drawing = here.experiments.state()
    running = _is_of(drawing, stored) and drawing.step == "running"
    unfinished = stored.judged < stored.cells - stored.failed
    return running or (unfinished and drawing_process(here.catalog.home) is not None)


def _is_of(drawing: DrawingState | None, stored: StoredExperiment) -> TypeGuard[DrawingState]:
    """Whether the page's last drawing is this experiment's."""
    return drawing is not None and drawing.experiment_id == stored.experiment_id


def _sheet(here: Desk, experiment_id: str, grid: str, live: bool) -> None:
    waiting = here.thumbnails.waiting(here.catalog)  # first: then they are here or in the store
    with here.catalog.store.reading() as connection:
        stored = stored_experiment(connection, experiment_id)
    found = findings(here.catalog, experiment_id, here.config)
    _progress(here, stored, found, waiting, live)
    if live and not _is_live(here, stored):
        st.rerun()
    (sheet,) = sheets_of([each for each in found.results if each.grid == grid])
    own = [each for each in found.results if each.grid == grid]
    row = st.query_params.get("row", "")
    per_page, first = rows_shown(sheet), int(row) if row.isdecimal() else 0
    rows = sheet.rows[first : first + per_page]
    shown = {each.recipe_id for row in rows for each in row.results if each is not None}
    chosen = comparing.chosen(own, found.kept)
    st.html(
        sheet_html(
            sheet,
            rows,
            numbers=numbers_of(own),
            small=here.thumbnails.of(here.catalog, shown, stored=found.kept),
            chosen=chosen,
            waits=live,
            link=lambda number: _link(a=str(chosen[-1] if chosen else number), b=str(number)),
        )
    )
    _pages(sheet, first, per_page)


def numbers_of(own: Sequence[Result]) -> dict[Cell, int]:
    """The numbers by which a grid's cells are called."""
    return {each.cell: number for number, each in enumerate(own, start=1)}


def _link(**changes: str) -> str:
    return "?" + urlencode({**st.query_params.to_dict(), **changes})


def _progress(
    here: Desk, stored: StoredExperiment, found: Findings, waiting: frozenset[str], live: bool
) -> None:
    drawn = sum(bool(each.sha256) or each.recipe_id in waiting for each in found.results)
    said = f"{stored.name}, {stored.created_at:%Y-%m-%d %H:%M}: {how_far(stored)}"
    if live:
        total = max(1, 2 * (stored.cells - stored.failed))
        st.progress(
            min(1.0, (drawn + stored.judged) / total),
            f"{drawn} of {stored.cells} drawn, {stored.judged} judged",
        )
        _stop(here)
        return
    st.caption(parts.plain(said))
    state = here.experiments.state()
    if _is_of(state, stored):
        _ended(state)
    if stored.judged + stored.failed < stored.cells:
        st.info("It is not finished: estimate its file again, and draw what is missing.")


def _stop(here: Desk) -> None:
    state = here.experiments.state()
    if state is not None and state.step == "running":
        st.button(
            "Stop",
            icon=":material/stop:",
            shortcut="Escape",
            on_click=here.experiments.stop,
            help="At the end of the batch; what was drawn is kept",
        )


def _ended(state: DrawingState) -> None:
    if state.step == "failed":
        st.error(parts.plain(state.error), icon=":material/error:")
    elif state.step == "stopped":
        st.warning("Stopped. What was drawn is kept.")


def _pages(sheet: Sheet, first: int, per_page: int) -> None:
    def turn(to: int) -> None:
        st.query_params["row"] = str(max(0, to))

    if len(sheet.rows) > per_page:
        with st.container(horizontal=True):
            st.button("Previous rows", disabled=first == 0, on_click=turn, args=(first - per_page,))
            st.button(
                "Next rows",
                disabled=first + per_page >= len(sheet.rows),
                on_click=turn,
                args=(first + per_page,),
            )


def _findings(found: Findings, grid: str) -> None:
    effects = [each for each in found.effects if each.grid == grid]
    if effects:
        st.subheader("What the settings do", anchor=False)
        said = [sentence(each) for each in effects]
        st.image(effects_plot(effects), alt="; ".join(said), width=760)
        st.markdown("\n".join(f"- {parts.plain(each)}" for each in said))
    for advice in found.advice:
        if advice.grid == grid:
            st.subheader("Recommendation", anchor=False)
            st.write(parts.plain(f"{advice.why[0].upper()}{advice.why[1:]}."))
            if advice.diff:
                st.code(advice.diff, language="diff", wrap_lines=True)


def _table(own: Sequence[Result]) -> None:
    st.subheader("Cells", anchor=False)
    rows: list[dict[str, Any]] = [
        {
            "Cell": number,
            "Subject": each.subject,
            **{name: level_text(level) for name, level in each.levels.items()},
            "Points": each.total,
            "Decision": each.decision,
            "Soundness": each.soundness,
            "Similarity": each.similarity,
            "Seconds": each.seconds,
            "catalog.toml's own": each.is_control,
            "Why not more": each.error or "; ".join(each.why),
        }
        for number, each in enumerate(own, start=1)
    ]
    formats = {"Soundness": "%.2f", "Similarity": "%.3f", "Seconds": "%.2f"}
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format=each) for name, each in formats.items()
        },
    )


def _files(here: Desk, stored: StoredExperiment) -> None:
    sheet = here.catalog.home.experiments / stored.name / "sheet.png"
    if sheet.is_file():
        st.download_button(
            "Sheet as PNG",
            sheet.read_bytes(),
            f"{stored.name}.png",
            "image/png",
            icon=":material/download:",
        )
