"""How scored pictures of a view are compared: by look, prompt, perceptual hash and embedding."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.store.relations import PORTION, id_ranges, only_row, registered, strings

#: From the few pictures searched up. ``recipe_id`` and ``image_id`` are the same.
_LIKENESSES: Final = """
    WITH own AS MATERIALIZED (
        SELECT recipe_id AS image_id, look_id FROM ledger
        WHERE status = 'made' AND view = $view AND {searched}
    ), asked AS MATERIALIZED (
        SELECT look_id FROM current_prompts WHERE look_id IN (SELECT look_id FROM own)
    ), wanted AS MATERIALIZED (
        FROM own WHERE look_id IN (FROM asked)
    ), prompted AS (
        SELECT recipe_id AS image_id, recipe ->> 'prompt' AS prompt FROM recipes WHERE {searched}
    ), seen AS (
        SELECT image_id AS recipe_id, signals ->> 'perceptual_hash' AS hash, embedding
        FROM scores WHERE scorer = $scorer
    )
    SELECT image_id, look_id, prompt, hash, embedding
    FROM wanted JOIN prompted USING (image_id) JOIN seen ON image_id = seen.recipe_id
    WHERE {searched}
"""


@dataclass(frozen=True, eq=False, slots=True)
class Likeness:
    """The columns by which N scored pictures of a view are compared."""

    image_ids: list[str]
    look_ids: pa.Array
    prompts: pa.Array
    hashes: list[str]
    """Perceptual hashes, as the signals hold them."""
    embeddings: NDArray[np.float32]
    """(N, D), of unit length."""


def scored_ranges(connection: DuckDBPyConnection, scorer: str) -> Iterator[tuple[str, str]]:
    """Ranges of picture ids, for ``likenesses``, that hold all pictures of a scorer."""
    (scored,) = only_row(
        connection.execute("SELECT count(*) FROM scores WHERE scorer = ?", [scorer])
    )
    return id_ranges(scored, PORTION)


def likenesses(
    connection: DuckDBPyConnection, scorer: str, view: str, least: str, below: str
) -> Likeness:
    """A view's pictures of a range that this scorer has seen and active products ask for.

    In any order.
    """
    query = _LIKENESSES.format(searched="recipe_id >= $least AND recipe_id < $below")
    facts = {"scorer": scorer, "view": view, "least": least, "below": below}
    return _likeness(connection.sql(query, params=facts).to_arrow_table())


def likenesses_of(
    connection: DuckDBPyConnection, scorer: str, view: str, image_ids: Collection[str]
) -> Likeness:
    """The same for some pictures; those that nobody asks for are absent."""
    query = _LIKENESSES.format(searched="recipe_id IN (SELECT value FROM likenesses_asked)")
    with registered(connection, "likenesses_asked", strings(image_ids)):
        table = connection.sql(query, params={"scorer": scorer, "view": view}).to_arrow_table()
    return _likeness(table)


def _likeness(table: pa.Table) -> Likeness:
    image_ids, look_ids, prompts, hashes, embeddings = (
        column.combine_chunks() for column in table.columns
    )
    numbers = embeddings.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return Likeness(
        image_ids.to_pylist(),
        look_ids,
        prompts,
        hashes.to_pylist(),
        numbers.reshape(len(image_ids), -1) if len(image_ids) else np.empty((0, 0), np.float32),
    )
