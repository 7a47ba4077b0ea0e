"""What came of an experiment, as the store has it: results, effects, and what to change."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from catalog_gen.decision import Decision
from catalog_gen.experiments.advice import Advice, advise, catalog_diff
from catalog_gen.experiments.definition import REPLICATES, Experiment, Grid
from catalog_gen.experiments.effects import Effect, effects_of
from catalog_gen.experiments.recipes import MODEL
from catalog_gen.experiments.results import Result
from catalog_gen.recipe import Recipe
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.experiment_results import CellResult, experiment_results, stored_experiment


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of an experiment, and what follows.

    ``kept`` are the images whose bytes the store has.
    """

    results: tuple[Result, ...]
    effects: tuple[Effect, ...]
    advice: tuple[Advice, ...]
    kept: frozenset[str]


def findings(catalog: Catalog, experiment_id: str, config: Path) -> Findings:
    """What the cells scored, by what, and what to change in the settings file ``config``.

    Raises:
        InputError: there is no such experiment.
    """
    with catalog.store.reading() as connection:
        stored = stored_experiment(connection, experiment_id)
        rows = experiment_results(connection, stored.experiment_id)
    experiment = Experiment.model_validate_json(stored.definition)
    results = tuple(_result(row, experiment.grids[row.grid]) for row in rows)
    effects: list[Effect] = []
    advice: list[Advice] = []
    for name in dict.fromkeys(row.grid for row in rows):
        own = [each for each in results if each.grid == name]
        effects += effects_of(own)
        cells = [row for row in rows if row.grid == name]
        found = _advice(experiment.grids[name], cells, own, config)
        advice += [found] if found else []
    kept = (each.recipe_id for each, row in zip(results, rows, strict=True) if row.kept)
    return Findings(results, tuple(effects), tuple(advice), frozenset(kept))


def _result(row: CellResult, grid: Grid) -> Result:
    criteria: dict[str, Any] = json.loads(row.criteria or "{}")
    levels = json.loads(row.levels)
    values = {**grid.base, **levels}
    if row.is_control:
        values = {name: value for name, value in values.items() if name in REPLICATES}
    return Result(
        grid=row.grid,
        subject=row.subject,
        levels=levels,
        values=values,
        recipe=Recipe.model_validate_json(row.recipe),
        sha256=row.sha256,
        total=row.total,
        decision=cast(Decision | None, row.decision),
        soundness=row.soundness,
        similarity=row.similarity,
        margin=row.margin,
        seconds=row.seconds,
        error=row.error or "",
        why=(
            *(row.hard_failures or ()),
            *(f"{each['why']}" for each in criteria.values() if each["points"] < 2),
        ),
        is_control=row.is_control,
    )


def _advice(
    grid: Grid, cells: Sequence[CellResult], results: Sequence[Result], config: Path
) -> Advice | None:
    found = advise(results)
    if found is None or found.chosen == found.present:
        return found
    view = cells[0].view
    values = {**grid.base, **found.chosen}
    if MODEL in values:
        chosen = values[MODEL]
        models = (
            row.model
            for row, result in zip(cells, results, strict=True)
            if result.values.get(MODEL, chosen) == chosen and not result.is_control
        )
        values[MODEL] = _seen_from(config, next(models))
    try:
        diff = catalog_diff(config.read_text("utf-8"), config.name, view, values)
    except KeyError:
        return replace(found, why=f"{found.why}; but {config.name} has no view '{view}' any more")
    except ValidationError as error:
        rule = error.errors()[0]["msg"].removeprefix("Value error, ")
        return replace(found, why=f"{found.why}; but views.{view} refuses it: {rule}")
    return replace(found, diff=diff)


def _seen_from(config: Path, model: str) -> str:
    """A model's id as the settings file would say it: a folder relative to its own."""
    return os.path.relpath(model, config.absolute().parent) if Path(model).exists() else model
