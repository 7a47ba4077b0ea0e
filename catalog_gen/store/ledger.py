"""The ledger: the status of every planned candidate of a look.

Open work is what is wanted now (looks that active products ask for) and not made yet. A failure is
a row here, with its error and the number of tries, never an exception. ``planning`` decides what to
plan.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.recipe import Failure, Recipe
from catalog_gen.store.looks import asking
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import (
    among,
    columns_of,
    only_row,
    registered,
    registered_rows,
    shard_list,
    strings,
)


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One candidate to draw, and why."""

    recipe_id: str
    recipe: Recipe
    look_id: str
    prompt_id: str
    view: str
    candidate: int
    attempt: int
    reason: str


def candidates(
    recipes: Sequence[Recipe],
    *,
    look_id: str,
    prompt_id: str,
    view: str,
    attempt: int,
    reason: str,
) -> list[PlannedItem]:
    """Turn the recipes of one look into the numbered candidates of one attempt."""
    return [
        PlannedItem(
            recipe_id=recipe.recipe_id,
            recipe=recipe,
            look_id=look_id,
            prompt_id=prompt_id,
            view=view,
            candidate=number,
            attempt=attempt,
            reason=reason,
        )
        for number, recipe in enumerate(recipes)
    ]


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The result of saving a plan: the number of pictures to draw, and those that exist already."""

    planned: int
    reused: frozenset[str]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One candidate to draw.

    ``product`` is the first, by id, of the products that ask for it, and ``shard`` is that
    product's. ``error`` is the last try's, '' for a first try; ``deferred`` means that a budget put
    it off.
    """

    recipe_id: str
    recipe: Recipe
    look_id: str
    prompt_id: str
    shard: int
    view: str
    candidate: int
    attempt: int
    reason: str
    tries: int
    error: str
    deferred: bool
    product: Product

    @property
    def product_id(self) -> str:
        """The product's id."""
        return self.product.product_id

    @property
    def reference(self) -> str:
        """The photo as the feed names it, '' for none."""
        return self.product.reference


@dataclass(frozen=True, slots=True)
class OpenFailure:
    """A wanted candidate that could not be drawn so far.

    ``product_ids`` are all products that lack it, ``shards`` theirs; ``product_id`` and ``shard``
    are the first.
    """

    product_id: str
    view: str
    candidate: int
    status: str
    tries: int
    error: str
    recipe_id: str
    shard: int
    look_id: str
    product_ids: tuple[str, ...]
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """Numbers of candidates of looks that active products ask for, by status."""

    planned: int
    deferred: int
    made: int
    failed: int
    given_up: int


#: Not made: planned, or failed fewer than $max_tries times; with the products in $shards that ask.
_OPEN: Final = f"""
    WITH unmade AS (
        FROM ledger WHERE status = 'planned'
            OR (status = 'failed' AND tries < $max_tries)
            OR (status = 'deferred' AND $include_deferred)
    ), {asking("unmade")}
"""
_WORK: Final = f"""
    SELECT recipe_id, recipe, look_id, unmade.prompt_id, asking.shard, view, candidate, attempt,
        reason, tries, error, status = 'deferred', {PRODUCT_COLUMNS}
    FROM unmade JOIN asking USING (look_id)
    JOIN recipes USING (recipe_id) JOIN products USING (product_id)
    ORDER BY view, product_id, candidate, attempt
"""


def save_plan(
    connection: DuckDBPyConnection,
    items: Sequence[PlannedItem],
    run_id: str,
    now: datetime,
) -> PlanResult:
    """Add these candidates to the ledger; saving the same plan again changes nothing.

    A candidate that has an image counts as reused; one that failed, was given up or put off by a
    budget keeps its state. Two looks may lead to the same recipe, as where a view wants more
    candidates than before: it belongs to the newest.
    """
    if not items:
        return PlanResult(0, frozenset())
    with registered_rows(connection, "plan_to_save", PlannedItem, items, recipe=_canonical):
        connection.execute(
            """
            INSERT INTO recipes BY NAME
            SELECT DISTINCT ON (recipe_id) recipe_id, recipe,
                recipe ->> '$.method.name' AS method,
                recipe ->> 'model_hash' AS model_hash, recipe ->> 'scheduler' AS scheduler,
                (recipe ->> 'seed')::BIGINT AS seed,
                recipe ->> 'reference_sha256' AS reference_sha256,
                recipe ->> 'mask_sha256' AS mask_sha256,
                recipe ->> 'concept_sha256' AS concept_sha256
            FROM plan_to_save ANTI JOIN recipes USING (recipe_id)
            """
        )
        connection.execute(
            """
            UPDATE ledger SET look_id = plan.look_id, prompt_id = plan.prompt_id
            FROM plan_to_save AS plan
            WHERE plan.recipe_id = ledger.recipe_id AND plan.look_id <> ledger.look_id
            """
        )
        # After a restore an image may lack its ledger row: outbox files outlive both.
        connection.execute(
            """
            INSERT INTO ledger BY NAME
            SELECT DISTINCT ON (recipe_id) plan.* EXCLUDE (recipe),
                CASE WHEN images.image_id IS NOT NULL THEN 'made' ELSE 'planned' END AS status,
                0 AS tries, '' AS error, coalesce(images.seconds, 0) AS seconds,
                $now AS updated_at, $run_id AS run_id
            FROM plan_to_save AS plan
            ANTI JOIN ledger USING (recipe_id)
            LEFT JOIN images ON images.image_id = plan.recipe_id
            """,
            {"now": now, "run_id": run_id},
        )
        planned, made = only_row(
            connection.execute(
                """
            SELECT count(*) FILTER (status IN ('planned', 'failed', 'deferred')),
                coalesce(list(recipe_id) FILTER (status = 'made'), [])
            FROM ledger SEMI JOIN plan_to_save USING (recipe_id)
            """
            )
        )
    return PlanResult(planned, frozenset(made))


def open_work(
    connection: DuckDBPyConnection,
    shards: Collection[int] | None,
    max_tries: int,
    *,
    include_deferred: bool = False,
) -> list[WorkItem]:
    """What is wanted now and not made: planned, or failed fewer than ``max_tries`` times.

    Ordered by view and product, so that recipes that can share a batch are neighbours.
    """
    rows = connection.execute(
        f"{_OPEN} {_WORK}",
        {
            "shards": shard_list(shards),
            "max_tries": max_tries,
            "include_deferred": include_deferred,
        },
    ).fetchall()
    return [work_item(row) for row in rows]


def open_recipes(
    connection: DuckDBPyConnection, shards: Collection[int] | None, max_tries: int
) -> pa.ChunkedArray:
    """The ids of the recipes of ``open_work``, in its order: 68 bytes each."""
    return connection.sql(
        f"""
        {_OPEN}
        SELECT recipe_id FROM unmade JOIN asking USING (look_id)
        ORDER BY view, product_id, candidate, attempt
        """,
        params={
            "shards": shard_list(shards),
            "max_tries": max_tries,
            "include_deferred": False,
        },
    ).to_arrow_table()["recipe_id"]


def work_of(
    connection: DuckDBPyConnection, recipe_ids: pa.ChunkedArray, shards: Collection[int] | None
) -> list[WorkItem]:
    """The work of these recipes, in the order of ``open_work``; absent: nobody asks for it now."""
    with registered(connection, "work_to_find", pa.table({"value": recipe_ids})):
        rows = connection.execute(
            f"""
            WITH unmade AS (FROM ledger SEMI JOIN work_to_find ON value = recipe_id),
            {asking("unmade")} {_WORK}
            """,
            {"shards": shard_list(shards)},
        ).fetchall()
    return [work_item(row) for row in rows]


def open_candidates(
    connection: DuckDBPyConnection, shards: Collection[int] | None, max_tries: int
) -> pa.Table:
    """All open work, including what a budget put off, with ``recipe_id``, ``view``, ``reason``.

    Candidates that failed before have the reason "failed". In the order of ``open_work``, as
    columns: two million of them are 200 MB.
    """
    return connection.sql(
        f"""
        {_OPEN}
        SELECT recipe_id, view, CASE WHEN error = '' THEN reason ELSE 'failed' END AS reason
        FROM unmade JOIN asking USING (look_id)
        ORDER BY view, product_id, candidate, attempt
        """,
        params={"shards": shard_list(shards), "max_tries": max_tries, "include_deferred": True},
    ).to_arrow_table()


def record_failures(
    connection: DuckDBPyConnection,
    failures: Sequence[Failure],
    max_tries: int,
    run_id: str,
    now: datetime,
) -> None:
    """Count failed tries; after ``max_tries`` of them a candidate is given up.

    A candidate that has been made in the meantime stays made.
    """
    if not failures:
        return
    with registered_rows(connection, "failures_to_record", Failure, failures):
        connection.execute(
            """
            UPDATE ledger SET
                tries = tries + failed.times,
                status = CASE WHEN tries + failed.times >= $max_tries
                    THEN 'given up' ELSE 'failed' END,
                error = failed.error,
                seconds = ledger.seconds + failed.seconds,
                updated_at = $now,
                run_id = $run_id
            FROM (
                SELECT recipe_id, count(*)::INTEGER AS times, last(error) AS error,
                    sum(seconds) AS seconds
                FROM failures_to_record GROUP BY recipe_id
            ) AS failed
            WHERE failed.recipe_id = ledger.recipe_id AND ledger.status <> 'made'
            """,
            {"max_tries": max_tries, "now": now, "run_id": run_id},
        )


def plan_again(
    connection: DuckDBPyConnection, recipe_ids: Iterable[str], run_id: str, now: datetime
) -> int:
    """Reset candidates that failed or were given up to planned, with no tries counted.

    Returns how many there were.
    """
    with registered(connection, "to_plan_again", strings(recipe_ids)):
        row = only_row(
            connection.execute(
                """
                UPDATE ledger SET
                    status = 'planned', tries = 0, error = '', updated_at = $now, run_id = $run_id
                WHERE status IN ('failed', 'given up')
                    AND recipe_id IN (SELECT value FROM to_plan_again)
                """,
                {"now": now, "run_id": run_id},
            )
        )
    return int(row[0])


def apply_budget(
    connection: DuckDBPyConnection,
    taken: pa.ChunkedArray,
    deferred: pa.ChunkedArray,
    run_id: str,
    now: datetime,
) -> None:
    """Defer candidates that exceed a budget, and resume deferred ones that fit, by recipe id.

    Tries and errors are kept: a deferred candidate has failed as often as before.
    """
    for recipe_ids, before, after in (
        (deferred, ("planned", "failed"), "deferred"),
        (taken, ("deferred",), "planned"),
    ):
        with registered(connection, "budgeted", pa.table({"value": recipe_ids})):
            connection.execute(
                """
                UPDATE ledger SET status = $after, updated_at = $now, run_id = $run_id
                WHERE list_contains($before, status)
                    AND recipe_id IN (SELECT value FROM budgeted)
                """,
                {"before": list(before), "after": after, "now": now, "run_id": run_id},
            )


def made_among(connection: DuckDBPyConnection, recipe_ids: Iterable[str]) -> set[str]:
    """Those of the recipes that need no drawing.

    They have an image that is kept, or one that was rejected and whose bytes may be deleted.
    """
    made = """
        SELECT image_id FROM images WHERE dropped_at IS NULL
        UNION
        SELECT image_id FROM newest_verdicts WHERE decision = 'rejected'
    """
    return among(connection, recipe_ids, made)


def given_up_among(connection: DuckDBPyConnection, recipe_ids: Iterable[str]) -> set[str]:
    """Those of the recipes that were given up."""
    given_up = "SELECT recipe_id FROM ledger WHERE status = 'given up'"
    return among(connection, recipe_ids, given_up)


def open_failures(connection: DuckDBPyConnection) -> list[OpenFailure]:
    """Wanted candidates that failed or were given up, by product, view and candidate."""
    rows = connection.execute(
        f"""
        SELECT {columns_of(OpenFailure)}
        FROM open_failures ORDER BY product_id, view, candidate, recipe_id
        """
    ).fetchall()
    return [OpenFailure(*row[:-2], *map(tuple, row[-2:])) for row in rows]


def ledger_counts(connection: DuckDBPyConnection) -> LedgerCounts:
    """Count the candidates that are wanted now, by status."""
    row = only_row(
        connection.execute(
            """
        SELECT
            count(*) FILTER (status = 'planned'),
            count(*) FILTER (status = 'deferred'),
            count(*) FILTER (status = 'made'),
            count(*) FILTER (status = 'failed'),
            count(*) FILTER (status = 'given up')
        FROM wanted_candidates
        """
        )
    )
    return LedgerCounts(*row)


def work_item(
    row: tuple[Any, ...], product_of: Callable[[Sequence[Any]], Product] = stored_product
) -> WorkItem:
    """The item of a row: recipe_id, recipe, look_id, prompt_id, shard, view, candidate, attempt,
    reason, tries, error, deferred, and then the product's columns."""
    recipe_id, recipe, look_id, prompt_id, shard, view, candidate, attempt, *rest = row
    reason, tries, error, deferred, *columns = rest
    return WorkItem(
        recipe_id=recipe_id,
        recipe=Recipe.model_validate_json(recipe),
        look_id=look_id,
        prompt_id=prompt_id,
        shard=shard,
        view=view,
        candidate=candidate,
        attempt=attempt,
        reason=reason,
        tries=tries,
        error=error,
        deferred=deferred,
        product=product_of(columns),
    )


def _canonical(item: PlannedItem) -> str:
    return item.recipe.canonical
