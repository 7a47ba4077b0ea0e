"""`catalog-gen experiment FILE`: draw a grid of recipes and compare them."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.ending import INTERRUPTED
from catalog_gen.cli.output import answers, counted, duration, messages, print_json
from catalog_gen.cli.preflight import require
from catalog_gen.cli.refresh import Finished, launch_run, prepare
from catalog_gen.errors import InputError
from catalog_gen.experiments.definition import level_text
from catalog_gen.experiments.effects import Effect
from catalog_gen.experiments.results import Result, by_settings, varied
from catalog_gen.experiments.sentences import sentence
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.experiment_findings import Findings, findings
from catalog_gen.stages.experiment_plan import PlannedExperiment, plan_experiment

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun


def run(config: Path, file: Path, yes: bool, as_json: bool) -> int:
    """Plan, ask, draw what is missing, and print the findings; returns the exit code.

    0; 1 if cells could not be drawn; 130 if the run was interrupted.

    Raises:
        CatalogError: the file can't be used, or what stopped the run.
    """
    home = prepare(config)
    catalog = Catalog.open(config, home)
    require(catalog)
    planned = plan_experiment(catalog, file)
    _print_plan(planned)
    if planned.missing and not yes:
        _confirm(planned)
    os.environ["CATALOG_EXPERIMENT"] = str(file.absolute())

    def launch(instance: "DagsterInstance") -> "DagsterRun":
        from assets_defs.launch import run_experiment

        return run_experiment(instance, home)

    finished = launch_run(config, home, launch, "Experiment")
    if finished.interrupted:
        messages.print("Interrupted. What was drawn is kept; run the same command to go on.")
        return INTERRUPTED
    if finished.error is not None:
        raise finished.error
    found = findings(catalog, planned.experiment_id, config)
    folder = home.experiments / planned.name
    if as_json:
        print_json(_as_json(planned, found, finished, folder))
    else:
        _print(found, folder)
    return int(any(each.sha256 is None for each in found.results))


def _confirm(planned: PlannedExperiment) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(
            f"{counted(planned.missing, 'picture')} to draw",
            "nobody is there to confirm it",
            "Add --yes.",
        )
    if not typer.confirm("Draw them?", default=True, err=True):
        raise typer.Exit(0)


def _print_plan(planned: PlannedExperiment) -> None:
    """The number of cells by grid, what exists, and the cost of the rest."""
    for name in planned.experiment.grids:
        own = [each for each in planned.cells if each.cell.grid == name]
        subjects = dict.fromkeys(each.cell.subject for each in own)
        messages.print(
            f"{name}: {counted(len(own), 'cell')} over {escape(', '.join(subjects))}; "
            f"{sum(each.recipe_id in planned.drawn for each in own)} drawn before"
        )
    messages.print(
        f"[bold]{counted(planned.missing, 'picture')}[/] to draw, about {duration(planned.seconds)}"
    )


def _print(found: Findings, folder: Path) -> None:
    for grid in dict.fromkeys(each.grid for each in found.results):
        own = [each for each in found.results if each.grid == grid]
        answers.print(f"\n[bold]{grid}[/]")
        answers.print(_table(own))
        if any(each.is_control for each in own):
            answers.print("[dim]* catalog.toml's own settings[/]")
        for effect in found.effects:
            if effect.grid == grid:
                answers.print(sentence(effect), markup=False)
        for advice in found.advice:
            if advice.grid == grid:
                answers.print(f"[bold]Recommendation[/]: {escape(advice.why)}.")
                answers.print(advice.diff, markup=False, end="")
    answers.print(f"\nPage   {folder / 'index.html'}", soft_wrap=True)
    answers.print(f"Sheet  {folder / 'sheet.png'}", soft_wrap=True)


def _table(results: list[Result]) -> Table:
    """Means over subjects and seeds, by settings; the page lists all cells."""
    axes = varied(results)
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in (*axes, "pictures", "points", "accepted", "soundness", "seconds"):
        table.add_column(name, justify="left" if name in axes else "right")
    for own in by_settings(results).values():
        first = own[0]
        judged = [each for each in own if each.total is not None]
        accepted = sum(each.decision == "accepted" for each in judged)
        table.add_row(
            *(level_text(first.settings.get(axis, "")) for axis in axes),
            f"{len(own)}{'*' if first.is_control else ''}",
            _mean([each.total for each in own], 1),
            f"{accepted} of {len(judged)}",
            _mean([each.soundness for each in own], 2),
            _mean([each.seconds for each in own], 2),
        )
    return table


def _mean(values: list[Any], digits: int) -> str:
    known = [each for each in values if each is not None]
    return f"{sum(known) / len(known):.{digits}f}" if known else ""


def _as_json(
    planned: PlannedExperiment, found: Findings, finished: "Finished", folder: Path
) -> dict[str, object]:
    return {
        "experiment": planned.name,
        "experiment_id": planned.experiment_id,
        "run_id": finished.run_id,
        "cells": len(planned.cells),
        "drawn": planned.missing,
        "reused": len({each.recipe_id for each in planned.cells} & planned.drawn),
        "failed": sum(bool(each.error) for each in found.results),
        "estimated_seconds": round(planned.seconds, 1),
        "results": [_cell(each) for each in found.results],
        "effects": [_effect(each) for each in found.effects],
        "recommendations": [asdict(each) for each in found.advice],
        "page": str(folder / "index.html"),
        "sheet": str(folder / "sheet.png"),
    }


def _cell(result: Result) -> dict[str, object]:
    return {"image_id": result.recipe_id, **asdict(result), "recipe": result.recipe.chosen()}


def _effect(effect: Effect) -> dict[str, object]:
    return {**asdict(effect), "verdict": effect.verdict, "sentence": sentence(effect)}
