"""Experiments: those that were drawn, and the start of another one."""

from pathlib import Path
from typing import Any, Final

import streamlit as st

from catalog_gen.experiments.definition import Experiment, read_experiment
from catalog_gen.stages.experiment_files import (
    experiment_file,
    experiment_files,
    save_experiment_file,
)
from catalog_gen.stages.experiment_plan import PlannedExperiment, planned
from catalog_gen.store.experiment_results import StoredExperiment, stored_experiments
from catalog_gen.web import experiment, parts
from catalog_gen.web.desk import Desk, desk

_PASTED: Final = "a pasted one"
_LISTED: Final = 50
_EXAMPLE: Final = """[grids.packshot]
view = "packshot"
products = ["HS-MUG-RED"]

[grids.packshot.axes]
steps = "15..50 step 5"
seed = [42, 43, 44]"""


def page() -> None:
    """One experiment, where the address names one; else all of them."""
    here = desk()
    st.title("Experiments")
    start = st.query_params.get("experiment")
    if start:
        experiment.show(here, start)
        return
    with parts.errors_shown():
        _begin(here)
    st.subheader("What was drawn", anchor=False)
    with here.catalog.store.reading() as connection:
        found = stored_experiments(connection)
    if not found:
        st.write("No experiment was drawn yet. Nothing of an experiment ever goes live.")
    for each in found[:_LISTED]:
        _line(each)


def _line(each: StoredExperiment) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open", key=f"open:{each.experiment_id}", help=f"Experiment {each.name}"):
            experiment.go(experiment=each.experiment_id[: experiment.SHORT])
        title = Experiment.model_validate_json(each.definition).title or each.name
        st.markdown(
            f"**{parts.plain(title)}**  \n{each.created_at:%Y-%m-%d %H:%M}, "
            + parts.plain(f"{each.name}: {experiment.how_far(each)}")
        )


def _begin(here: Desk) -> None:
    """Choose a file, or paste one; see what it would draw; draw it."""
    st.subheader("Draw one", anchor=False)
    folder = here.experiment_files
    name = st.selectbox(
        "Experiment file",
        [*experiment_files(folder), _PASTED],
        key="file",
        bind="query-params",
        help="Those of the folder experiments beside the settings",
    )
    if name == _PASTED:
        name = st.text_input("Name", key="name", help="Small letters, digits, - and _")
        text = st.text_area(
            "Experiment",
            key="text",
            height=240,
            placeholder=_EXAMPLE,
            help="TOML, as docs/experiments.md describes it",
        )
        path = experiment_file(folder, name) if name else None
    else:
        path = experiment_file(folder, name)
        text = path.read_text("utf-8")
        with st.expander("What it says", icon=":material/description:"):
            st.code(text, language="toml", wrap_lines=True)
    if st.button(
        "Estimate",
        icon=":material/calculate:",
        shortcut="Ctrl+Enter",
        disabled=path is None or not text.strip(),
    ):
        _estimate(here, path, text)
    kept: tuple[Path, str, PlannedExperiment] | None = st.session_state.get("estimate")
    if kept is not None and kept[:2] == (path, text):
        _confirm(here, *kept)


def _estimate(here: Desk, path: Any, text: str) -> None:
    st.session_state.pop("estimate", None)
    with st.spinner("Planning"):
        found = planned(here.catalog, read_experiment(text, path), path)
    st.session_state["estimate"] = path, text, found


def _confirm(here: Desk, path: Path, text: str, found: PlannedExperiment) -> None:
    for grid in found.experiment.grids:
        own = [each for each in found.cells if each.cell.grid == grid]
        subjects = dict.fromkeys(each.cell.subject for each in own)
        before = sum(each.recipe_id in found.drawn for each in own)
        summary = f"{grid}: {len(own)} cells over {', '.join(subjects)}; {before} drawn before"
        st.write(parts.plain(summary))
    st.write(f"**{found.missing} pictures** to draw, about {_duration(found.seconds)}.")
    drawing = here.experiments.state()
    busy = drawing is not None and drawing.step == "running"
    if st.button(
        f"Draw {found.missing} pictures" if found.missing else "Show it",
        type="primary",
        icon=":material/brush:",
        disabled=busy,
        help="Another experiment is being drawn" if busy else "Nothing of it is ever published",
    ):
        saved = save_experiment_file(path.parent, path.stem, text)
        here.experiments.begin(saved, found.experiment_id)
        experiment.go(experiment=found.experiment_id[: experiment.SHORT])


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} minutes"
