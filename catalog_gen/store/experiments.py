"""The experiments and their cells: what is to be drawn, scored and judged.

A cell's picture is an image like any other. Its ledger row belongs to a look that no product asks
for, so no night draws, judges or publishes it; a picture that a night drew before is shared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.fingerprint import canonical_json
from catalog_gen.recipe import Recipe
from catalog_gen.store.ledger import PlannedItem, WorkItem, save_plan, work_item
from catalog_gen.store.prompts import PromptRow
from catalog_gen.store.relations import insert_row, registered, registered_rows, strings
from catalog_gen.store.scores import ToScore
from catalog_gen.store.verdicts import ToJudge, to_judge

#: The reason of an experiment's prompts and ledger rows.
REASON: Final = "experiment"


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell, as its table has it; ``levels`` is JSON."""

    experiment_id: str
    place: int
    grid: str
    subject: str
    view: str
    levels: str
    words: Mapping[str, str]
    recipe_id: str
    prompt_id: str
    reference: str
    is_control: bool


@dataclass(frozen=True, slots=True)
class ExperimentRows:
    """An experiment as the store keeps it.

    Attributes:
        experiment_id: SHA-256 of its name and cells.
        definition: JSON, what its file says.
        prompts: one for each distinct prompt of a subject.
        items: the candidates to plan, one for each recipe.
    """

    experiment_id: str
    name: str
    definition: str
    cells: Sequence[CellRow]
    prompts: Sequence[PromptRow]
    items: Sequence[PlannedItem]


def save_experiment(
    connection: DuckDBPyConnection, rows: ExperimentRows, *, run_id: str, now: datetime
) -> None:
    """Record an experiment and plan what it lacks; saving the same one again changes nothing.

    A recipe that the ledger has keeps its look, and with it its place in the nights' plans.
    Pictures whose bytes retention deleted are planned again.
    """
    insert_row(
        connection,
        "experiments",
        {
            "experiment_id": rows.experiment_id,
            "name": rows.name,
            "definition": rows.definition,
            "created_at": now,
            "run_id": run_id,
        },
        unless_known=True,
    )
    with registered_rows(connection, "cells_to_save", CellRow, rows.cells):
        connection.execute(
            "INSERT INTO experiment_cells BY NAME FROM cells_to_save ON CONFLICT DO NOTHING"
        )
    with registered_rows(connection, "prompts_to_save", PromptRow, rows.prompts, spec=_spec):
        connection.execute(
            """
            INSERT INTO prompts BY NAME
            SELECT newer.*, false AS current
            FROM prompts_to_save AS newer ANTI JOIN prompts USING (prompt_id)
            """
        )
    items = rows.items
    known = _known(connection, [each.recipe_id for each in items])
    save_plan(connection, [each for each in items if each.recipe_id not in known], run_id, now)
    connection.execute(
        """
        UPDATE ledger SET status = 'planned', updated_at = $now, run_id = $run_id
        WHERE status = 'made' AND recipe_id IN (
            SELECT recipe_id FROM experiment_cells JOIN images ON image_id = recipe_id
            WHERE experiment_id = $id AND dropped_at IS NOT NULL
        )
        """,
        {"id": rows.experiment_id, "now": now, "run_id": run_id},
    )


def undrawn_cells(
    connection: DuckDBPyConnection, experiment_id: str, model_hash: str, max_tries: int
) -> list[WorkItem]:
    """The experiment's cells of one model without a picture, tried fewer than ``max_tries`` times.

    In the file's order, which batches that can be drawn together follow.
    """
    rows = connection.execute(
        """
        SELECT recipe_id, recipe, ledger.look_id, cells.prompt_id,
            prompts.shard, ledger.view, candidate, attempt, ledger.reason, tries, error,
            status = 'deferred', prompts.product_id, cells.subject, cells.reference
        FROM experiment_cells AS cells
        JOIN ledger USING (recipe_id)
        JOIN recipes USING (recipe_id)
        JOIN prompts ON prompts.prompt_id = cells.prompt_id
        WHERE experiment_id = $id AND recipes.model_hash = $model AND tries < $tries
            AND status IN ('planned', 'deferred', 'failed')
        QUALIFY row_number() OVER (PARTITION BY recipe_id ORDER BY place) = 1
        ORDER BY place
        """,
        {"id": experiment_id, "model": model_hash, "tries": max_tries},
    ).fetchall()
    return [work_item(row, _subject) for row in rows]


def unscored_cells(
    connection: DuckDBPyConnection, experiment_id: str, model_hash: str, scorer: str, lookers: str
) -> list[ToScore]:
    """The experiment's pictures of one model that this scorer and these lookers have not seen."""
    rows = connection.execute(
        """
        SELECT recipe_id, cells.view, cells.prompt_id, inputs, asked, recipe, cells.words,
            product_id, cells.subject, cells.reference
        FROM experiment_cells AS cells
        JOIN images ON images.image_id = recipe_id AND dropped_at IS NULL
        JOIN recipes USING (recipe_id)
        JOIN prompts ON prompts.prompt_id = cells.prompt_id
        ANTI JOIN (
            SELECT image_id FROM newest_scores WHERE scorer = $scorer AND lookers = $lookers
        ) AS answered ON answered.image_id = recipe_id
        WHERE experiment_id = $id AND recipes.model_hash = $model
        QUALIFY row_number() OVER (PARTITION BY recipe_id ORDER BY place) = 1
        ORDER BY place
        """,
        {"id": experiment_id, "model": model_hash, "scorer": scorer, "lookers": lookers},
    ).fetchall()
    return [
        ToScore(
            image_id,
            view,
            prompt_id,
            inputs,
            asked,
            Recipe.model_validate_json(recipe),
            _subject(facts),
            words=words,
        )
        for image_id, view, prompt_id, inputs, asked, recipe, words, *facts in rows
    ]


def unjudged_cells(
    connection: DuckDBPyConnection, experiment_id: str, rubric: str, scorer: str
) -> list[ToJudge]:
    """The experiment's scored pictures whose newest verdict is not this rubric's on that score."""
    rows = connection.execute(
        """
        SELECT recipe_id, prompts.product_id, cells.view, place, 0,
            recipes.recipe, images.environment_id, scores.similarity, scores.margin,
            scores.embedding, scores.signals, scores.lookers
        FROM experiment_cells AS cells
        JOIN images ON images.image_id = recipe_id
        JOIN scores ON scores.image_id = recipe_id AND scores.scorer = $scorer
        JOIN recipes USING (recipe_id)
        JOIN prompts ON prompts.prompt_id = cells.prompt_id
        LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = recipe_id
        WHERE experiment_id = $id
            AND (verdict.rubric IS DISTINCT FROM $rubric OR verdict.seq < scores.seq)
        QUALIFY row_number() OVER (PARTITION BY recipe_id ORDER BY place) = 1
        ORDER BY place
        """,
        {"id": experiment_id, "scorer": scorer, "rubric": rubric},
    ).fetchall()
    return [to_judge(row) for row in rows]


def _spec(row: PromptRow) -> str:
    return canonical_json(dict(row.spec))


def _known(connection: DuckDBPyConnection, recipe_ids: Sequence[str]) -> set[str]:
    with registered(connection, "recipes_known", strings(recipe_ids)):
        rows = connection.execute(
            "SELECT recipe_id FROM ledger WHERE recipe_id IN (SELECT value FROM recipes_known)"
        ).fetchall()
    return {recipe_id for (recipe_id,) in rows}


def _subject(facts: Sequence[Any]) -> Product:
    """What stands for the product of a cell; '' is the id of one that no feed has."""
    product_id, subject, reference = facts
    return Product(product_id, subject, reference=reference)
