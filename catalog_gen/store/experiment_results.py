"""The stored experiments, and what came of their cells."""

from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError
from catalog_gen.store.relations import columns_of


@dataclass(frozen=True, slots=True)
class StoredExperiment:
    """An experiment and how far it is, in cells; ``definition`` is JSON, what its file said.

    ``failed`` cells could not be drawn, and ``judged`` ones have a verdict.
    """

    experiment_id: str
    name: str
    definition: str
    created_at: datetime
    cells: int
    drawn: int
    failed: int
    judged: int
    accepted: int


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of a cell; None where nothing did.

    ``levels``, ``recipe`` and ``criteria`` are JSON; ``model`` is what its model's hash stands for.
    """

    grid: str
    subject: str
    view: str
    levels: str
    is_control: bool
    recipe: str
    model: str
    sha256: str | None
    kept: bool
    status: str | None
    error: str | None
    total: int | None
    decision: str | None
    criteria: str | None
    hard_failures: list[str] | None
    soundness: float | None
    similarity: float | None
    margin: float | None
    seconds: float | None


def stored_experiments(connection: DuckDBPyConnection, start: str = "") -> list[StoredExperiment]:
    """The experiments whose id begins with ``start``, the newest first."""
    rows = connection.execute(
        f"""
        SELECT {columns_of(StoredExperiment)} FROM (
            SELECT experiment_id, any_value(seq) AS seq, any_value(name) AS name,
                any_value(definition) AS definition, any_value(created_at) AS created_at,
                count(*) AS cells, count(sha256) AS drawn,
                count(*) FILTER (error <> '' AND sha256 IS NULL) AS failed,
                count(total) AS judged, count(*) FILTER (decision = 'accepted') AS accepted
            FROM experiments JOIN experiment_results USING (experiment_id)
            WHERE starts_with(experiment_id, $start)
            GROUP BY experiment_id
        ) ORDER BY seq DESC
        """,
        {"start": start},
    ).fetchall()
    return [StoredExperiment(*row) for row in rows]


def stored_experiment(connection: DuckDBPyConnection, start: str) -> StoredExperiment:
    """The newest experiment whose id begins with ``start``.

    Raises:
        InputError: there is none.
    """
    found = stored_experiments(connection, start)
    if not found:
        raise InputError(
            f"experiment '{start}'", "the store has no such experiment", "Choose one of the list."
        )
    return found[0]


def experiment_results(connection: DuckDBPyConnection, experiment_id: str) -> list[CellResult]:
    """What came of an experiment's cells, in the order of the file."""
    rows = connection.execute(
        """
        SELECT grid, subject, cells.view, levels, is_control, recipes.recipe, models.id,
            cells.sha256, coalesce(dropped_at IS NULL AND cells.sha256 IS NOT NULL, false), status,
            error, total, decision, criteria, hard_failures, soundness, similarity, margin,
            cells.seconds
        FROM experiment_results AS cells
        JOIN recipes ON recipes.recipe_id = cells.image_id
        JOIN models USING (model_hash)
        LEFT JOIN images USING (image_id)
        WHERE experiment_id = $id ORDER BY place
        """,
        {"id": experiment_id},
    ).fetchall()
    return [CellResult(*row) for row in rows]
