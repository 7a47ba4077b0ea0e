"""The products of some of the gallery's parts, with all that the gallery shows of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.store.images import ImageFile
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import columns_of

#: Parts whose rows are joined and sorted at a time, every time through all scores and verdicts:
#: about 10,000 products.
_PORTION: Final = 640
#: Rows of pictures fetched into Python at a time.
_FETCHED: Final = 500


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that a product asks for or shows.

    ``products`` is how many products ask for it today; ``live``: this one shows it. ``signals``
    are what was measured, as JSON, of a live picture only.
    """

    product_id: str
    view: str
    live: bool
    image_id: str
    sha256: str
    width: int
    height: int
    size: int
    products: int
    candidate: int
    attempt: int
    drawn_because: str
    prompt: str
    negative_prompt: str
    seed: int
    model_hash: str
    method: str
    scheduler: str
    steps: int
    guidance: float
    parameters: str
    similarity: float | None
    margin: float | None
    signals: str | None
    decision: str | None
    total: int | None
    criteria: str | None
    hard_failures: Sequence[str] | None
    reviewer: str | None
    reference_sha256: str | None
    mask_sha256: str | None

    @property
    def file(self) -> ImageFile:
        """The stored file."""
        return ImageFile(self.width, self.height, self.size)

    @property
    def method_parameters(self) -> Mapping[str, Any]:
        """The method's own parameters, such as a strength."""
        found: dict[str, Any] = json.loads(self.parameters)
        return found

    @property
    def points(self) -> Mapping[str, Mapping[str, Any]]:
        """What the rubric says: criterion to ``points`` and ``why``."""
        found: dict[str, dict[str, Any]] = json.loads(self.criteria or "{}")
        return found


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a wanted picture does not exist: the model can't draw it, or drawing failed."""

    product_id: str
    view: str
    unsupported: str
    errors: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """An active product with its pictures and troubles, by view."""

    product: Product
    pictures: list[ShownPicture]
    troubles: list[Trouble]


Part = TypeVar("Part", ShownPicture, Trouble)

#: The kept pictures of the portion's products, by product, view and candidate.
_PICTURES: Final = f"""
    WITH asked AS (
        FROM shown SEMI JOIN portion USING (product_id)
    ), ids AS (
        SELECT DISTINCT image_id FROM asked
    ), own AS (
        SELECT recipe_id AS image_id, look_id, candidate, attempt, reason AS drawn_because
        FROM ledger WHERE recipe_id IN (FROM ids)
    ), sharing AS (
        SELECT look_id, count(*) AS products FROM current_prompts
        WHERE look_id IN (SELECT look_id FROM own) GROUP BY look_id
    ), score AS (
        SELECT image_id, arg_max(similarity, seq) AS similarity, arg_max(margin, seq) AS margin,
            arg_max(signals, seq) AS signals
        FROM scores WHERE image_id IN (FROM ids) GROUP BY image_id
    ), verdict AS (
        SELECT image_id, arg_max(decision, seq) AS decision, arg_max(total, seq) AS total,
            arg_max(criteria, seq) AS criteria, arg_max(hard_failures, seq) AS hard_failures
        FROM verdicts WHERE image_id IN (FROM ids) GROUP BY image_id
    ), review AS (
        SELECT image_id, arg_max(decision, seq) AS decision, arg_max(reviewer, seq) AS reviewer
        FROM reviews WHERE image_id IN (FROM ids) GROUP BY image_id
    ), picture AS (
        SELECT images.*, prompts.prompt, prompts.negative_prompt FROM images
        LEFT JOIN prompts USING (prompt_id)
        WHERE image_id IN (FROM ids) AND dropped_at IS NULL
    ), drawn AS (
        SELECT recipe_id AS image_id, seed, model_hash, method, scheduler, reference_sha256,
            mask_sha256, (recipe ->> 'steps')::INTEGER AS steps,
            (recipe ->> 'guidance')::DOUBLE AS guidance,
            json_merge_patch(recipe -> '$.method', '{{"name": null}}')::VARCHAR AS parameters
        FROM recipes WHERE recipe_id IN (FROM ids)
    )
    SELECT {columns_of(ShownPicture, "products", "signals", "decision")},
        coalesce(products, 0) AS products, CASE WHEN live THEN signals END AS signals,
        coalesce(review.decision, verdict.decision) AS decision
    FROM asked
    JOIN picture USING (image_id)
    LEFT JOIN drawn USING (image_id)
    LEFT JOIN own USING (image_id)
    LEFT JOIN sharing USING (look_id)
    LEFT JOIN score USING (image_id)
    LEFT JOIN verdict USING (image_id)
    LEFT JOIN review USING (image_id)
    ORDER BY product_id, view, candidate, attempt, image_id
"""


def products_of_parts(
    connection: DuckDBPyConnection, parts: Sequence[int]
) -> Iterator[list[ShownProduct]]:
    """The products of each of these parts, by id; ``ShownCatalog`` has filled the tables.

    The connection can't be used for anything else meanwhile.

    Args:
        parts: their numbers, ascending.
    """
    for start in range(0, len(parts), _PORTION):
        yield from _portion(connection, parts[start : start + _PORTION])


def _portion(connection: DuckDBPyConnection, parts: Sequence[int]) -> Iterator[list[ShownProduct]]:
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE portion AS
        SELECT product_id, part FROM parted WHERE part IN (SELECT unnest($parts::INTEGER[]))
        """,
        {"parts": list(parts)},
    )
    products = connection.execute(
        f"""
        SELECT part, {PRODUCT_COLUMNS} FROM products JOIN portion USING (product_id)
        ORDER BY product_id
        """
    ).fetchall()
    troubles = connection.execute(
        f"""
        SELECT {columns_of(Trouble)} FROM shown_troubles SEMI JOIN portion USING (product_id)
        ORDER BY product_id, view
        """
    ).fetchall()
    pictures = _Ordered(_pictures(connection))
    wrong = _Ordered(Trouble(*row) for row in troubles)
    for _, rows in groupby(products, key=lambda row: row[0]):
        some = [stored_product(columns) for _, *columns in rows]
        yield [
            ShownProduct(each, pictures.of(each.product_id), wrong.of(each.product_id))
            for each in some
        ]


def _pictures(connection: DuckDBPyConnection) -> Iterator[ShownPicture]:
    result = connection.execute(_PICTURES)
    names = [column[0] for column in result.description or ()]
    while rows := result.fetchmany(_FETCHED):
        for row in rows:
            yield ShownPicture(**dict(zip(names, row, strict=True)))


class _Ordered(Generic[Part]):
    """Parts of products, in the order of their ids, taken product by product."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts: Iterator[Part] = parts
        self._next: Part | None = next(parts, None)

    def of(self, product_id: str) -> list[Part]:
        """The parts of a product."""
        found: list[Part] = []
        while self._next is not None and self._next.product_id == product_id:
            found.append(self._next)
            self._next = next(self._parts, None)
        return found
