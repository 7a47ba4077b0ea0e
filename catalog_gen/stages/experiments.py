"""Draw, score and judge an experiment's cells, and write its page, sheet and findings."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.diffusion.jobs import Draws
from catalog_gen.diffusion.model_hash import model_parts
from catalog_gen.experiments.page import ExperimentPage, render_page
from catalog_gen.experiments.recipes import WORDS
from catalog_gen.experiments.sheet import sheet_png, sheets_of
from catalog_gen.fingerprint import sha256_json
from catalog_gen.imaging.decode import read_image
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.reporting.site_folder import SiteFolder
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.experiment_findings import Findings, findings
from catalog_gen.stages.experiment_plan import PlannedCell, PlannedExperiment, with_model
from catalog_gen.stages.images import draw_found
from catalog_gen.stages.prompts import prompt_row
from catalog_gen.stages.scores import score_found
from catalog_gen.stages.verdicts import judge_found
from catalog_gen.store.experiments import (
    REASON,
    CellRow,
    ExperimentRows,
    save_experiment,
    undrawn_cells,
    unjudged_cells,
    unscored_cells,
)
from catalog_gen.store.images import stored_png
from catalog_gen.store.ledger import PlannedItem, WorkItem
from catalog_gen.store.models import save_model
from catalog_gen.store.prompts import PromptRow
from catalog_gen.store.runs import note_figures
from catalog_gen.store.scores import ToScore
from catalog_gen.store.verdicts import ToJudge

Engine = Callable[[Catalog], Draws]


@dataclass(frozen=True, slots=True)
class WrittenExperiment:
    """An experiment's page and sheet, and its findings."""

    page: Path
    sheet: Path
    findings: Findings


def draw_experiment(
    catalog: Catalog, planned: PlannedExperiment, engine: Engine, scorer: ClipScorer, stamp: Stamp
) -> None:
    """Draw what the experiment lacks, model by model, then score and judge it.

    Each batch is acknowledged as a night's are: an experiment that was interrupted goes on where it
    ended. Notes ``experiment`` with the run.

    Raises:
        CatalogError: as the stages of a night.
    """
    experiment_id = planned.experiment_id
    tries = catalog.settings.limits.tries
    catalogs = {
        _hash_of(planned, name): with_model(catalog, settings)
        for name, settings in planned.models.items()
    }
    rows = _rows(planned, stamp)
    with catalog.store.writing() as connection:
        for model_hash, own in catalogs.items():
            drawer = Drawer.of(_only_used(own, planned))
            parts = model_parts(drawer.model, catalog.home.hashes)
            save_model(connection, model_hash, own.settings.model.id, parts, stamp.now)
        save_experiment(connection, rows, run_id=stamp.run_id, now=stamp.now)
    for model_hash, own in catalogs.items():

        def undrawn(connection: DuckDBPyConnection, model: str = model_hash) -> list[WorkItem]:
            return undrawn_cells(connection, experiment_id, model, tries)

        draw_found(own, lambda own=own: engine(own), undrawn, stamp)  # type: ignore[misc]
    for model_hash, own in catalogs.items():

        def unscored(
            connection: DuckDBPyConnection, lookers: str, model: str = model_hash
        ) -> list[ToScore]:
            return unscored_cells(connection, experiment_id, model, scorer.scorer_hash, lookers)

        score_found(own, scorer, unscored, stamp)

    def unjudged(connection: DuckDBPyConnection, rubric: str) -> list[ToJudge]:
        return unjudged_cells(connection, experiment_id, rubric, scorer.scorer_hash)

    judge_found(catalog, scorer.scorer_hash, unjudged, stamp)
    with catalog.store.writing() as connection:
        figures = {"name": planned.name, "id": experiment_id, "cells": len(planned.cells)}
        note_figures(connection, stamp.run_id, "experiment", figures, stamp.now)


def write_experiment(
    catalog: Catalog, planned: PlannedExperiment, config: Path
) -> WrittenExperiment:
    """Write the experiment's page, with its pictures, and its sheet below the catalog's home.

    Raises:
        CorruptionError: a stored picture is damaged.
        OSError: the folder can't be written.
    """
    found = findings(catalog, planned.experiment_id, config)
    sheets = sheets_of(found.results)
    folder = catalog.home.experiments / planned.name
    with catalog.store.reading() as connection:
        pictures = catalog.store.pictures(connection)
        pngs = {
            each.sha256: stored_png(connection, pictures, each.recipe_id)
            for each in found.results
            if each.sha256
        }
        page = ExperimentPage(
            name=planned.name,
            title=planned.experiment.title,
            written_at=datetime.now(UTC),
            experiment_id=planned.experiment_id,
            results=found.results,
            sheets=sheets,
            effects=found.effects,
            advice=found.advice,
        )
        sheet = sheet_png(sheets, lambda result: read_image(pngs[result.sha256 or ""]))
        with SiteFolder(folder) as site:
            for address, png in pngs.items():
                site.put(f"images/{address}.png", png)
            site.drop(address for address, _ in site.pictures() if address not in pngs)
            site.put("sheet.png", sheet)
            path = site.finish(render_page(page).encode("utf-8", "replace"))
    return WrittenExperiment(path, folder / "sheet.png", found)


def _hash_of(planned: PlannedExperiment, model: str) -> str:
    return next(each.recipe.model_hash for each in planned.cells if each.model == model)


def _only_used(catalog: Catalog, planned: PlannedExperiment) -> Catalog:
    """The catalog with the views that the experiment uses: its models need draw no others."""
    used = {each.view for each in planned.cells}
    views = {name: view for name, view in catalog.settings.views.items() if name in used}
    return replace(catalog, settings=catalog.settings.model_copy(update={"views": views}))


def _rows(planned: PlannedExperiment, stamp: Stamp) -> ExperimentRows:
    prompts: dict[str, PromptRow] = {}
    cells: list[CellRow] = []
    items: dict[str, PlannedItem] = {}
    for place, each in enumerate(planned.cells):
        prompt = _prompt(each, stamp)
        prompts[prompt.prompt_id] = prompt
        words = each.cell.values.get(WORDS, {})
        cells.append(
            CellRow(
                experiment_id=planned.experiment_id,
                place=place,
                grid=each.cell.grid,
                subject=each.cell.subject,
                view=each.view,
                levels=json.dumps(dict(each.cell.levels)),
                words=words if isinstance(words, Mapping) else {},
                recipe_id=each.recipe_id,
                prompt_id=prompt.prompt_id,
                reference=each.wish.stale.product.reference,
                is_control=each.cell.is_control,
            )
        )
        items.setdefault(
            each.recipe_id,
            PlannedItem(
                recipe_id=each.recipe_id,
                recipe=each.recipe,
                look_id=str(prompt.look_id),
                prompt_id=prompt.prompt_id,
                view=each.view,
                candidate=place,
                attempt=0,
                reason=REASON,
            ),
        )
    return ExperimentRows(
        experiment_id=planned.experiment_id,
        name=planned.name,
        definition=planned.experiment.canonical,
        cells=cells,
        prompts=list(prompts.values()),
        items=list(items.values()),
    )


def _prompt(cell: PlannedCell, stamp: Stamp) -> PromptRow:
    """The prompt of a cell, with a look of its own that no product ever asks for."""
    row = prompt_row(cell.wish, stamp)
    recipe = cell.recipe
    asked_for = [row.product_id, cell.view, row.inputs, recipe.prompt, recipe.negative_prompt]
    prompt_id = sha256_json([REASON, *asked_for, recipe.model_hash])
    return replace(
        row,
        prompt_id=prompt_id,
        look_id=sha256_json([REASON, prompt_id]),
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        reason=REASON,
    )
