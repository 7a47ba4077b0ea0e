"""Experiment files, written for people who go on with them."""

from typing import Any

import tomlkit

from catalog_gen.experiments.definition import Experiment, Grid


def experiment_toml(experiment: Experiment) -> str:
    """The file that says this experiment; what is the default is left out."""
    document = tomlkit.document()
    if experiment.title:
        document["title"] = experiment.title
    grids = tomlkit.table(is_super_table=True)
    for name, grid in experiment.grids.items():
        grids[name] = _table(grid)
    document["grids"] = grids
    return tomlkit.dumps(document)


def _table(grid: Grid) -> Any:
    said = grid.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    section = tomlkit.table()
    for key, value in said.items():
        section[key] = value
    return section
