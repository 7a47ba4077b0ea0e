"""Stored pictures by the cosine of their embedding with another one, the most similar first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.store.relations import only_row


@dataclass(frozen=True, slots=True)
class SimilarPicture:
    """A picture that was found.

    Attributes:
        score: inner product of its unit embedding and the one that was searched for, -1..1.
        product_id: the first by id of the products that show it live; else the one that it was
            drawn for.
        products: how many products show it live.
    """

    score: float
    product_id: str
    title: str
    view: str
    image_id: str
    sha256: str
    products: int


def similar_pictures(
    connection: DuckDBPyConnection,
    scorer: str,
    embedding: NDArray[np.float32],
    *,
    live: bool,
    limit: int,
    without: Collection[str] = (),
) -> list[SimilarPicture]:
    """The stored pictures most similar to an embedding (D,), among those that a scorer has seen.

    Embeddings of different scorers don't compare. Equal scores are ordered by image id.

    Args:
        live: only pictures that are live now; else all whose bytes are kept.
        without: ids of pictures to leave out.
    """
    rows = connection.execute(
        f"""
        WITH nearest AS (
            SELECT image_id, list_inner_product(embedding, $embedding::FLOAT[]) AS score
            FROM scores {_searched(live)}
            WHERE scorer = $scorer AND NOT list_contains($without::VARCHAR[], image_id)
            ORDER BY score DESC, image_id LIMIT $limit
        ), showing AS (
            SELECT image_id, min(product_id) AS product_id, count(DISTINCT product_id) AS products
            FROM live_items SEMI JOIN nearest USING (image_id) GROUP BY image_id
        )
        SELECT score, coalesce(showing.product_id, prompts.product_id) AS product_id,
            coalesce(title, ''), prompts.view, image_id, sha256, coalesce(showing.products, 0)
        FROM nearest JOIN images USING (image_id) JOIN prompts USING (prompt_id)
        LEFT JOIN showing USING (image_id)
        LEFT JOIN products
            ON products.product_id = coalesce(showing.product_id, prompts.product_id)
        ORDER BY score DESC, image_id
        """,
        {
            "scorer": scorer,
            "embedding": embedding.tolist(),
            "without": list(without),
            "limit": limit,
        },
    ).fetchall()
    return [SimilarPicture(*row) for row in rows]


def searchable(connection: DuckDBPyConnection, scorer: str, *, live: bool) -> tuple[int, int]:
    """How many pictures a scorer has seen, and how many there are to search."""
    (seen,) = only_row(
        connection.execute(
            f"SELECT count(*) FROM scores {_searched(live)} WHERE scorer = $scorer",
            {"scorer": scorer},
        )
    )
    pictures = (
        "count(DISTINCT image_id) FROM live_items"  # products share pictures
        if live
        else f"count(*) FROM images {_searched(live)}"
    )
    (there,) = only_row(connection.execute(f"SELECT {pictures}"))
    return int(seen), int(there)


def embeddings_of(
    connection: DuckDBPyConnection, scorer: str, image_ids: Sequence[str]
) -> NDArray[np.float32]:
    """Unit embeddings (N, D) of those of these pictures that a scorer has seen; (0, 0): of none."""
    rows = connection.execute(
        """
        SELECT embedding FROM scores
        WHERE scorer = $scorer AND image_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY image_id
        """,
        {"scorer": scorer, "ids": list(image_ids)},
    ).fetchall()
    if not rows:
        return np.empty((0, 0), np.float32)
    return np.array([embedding for (embedding,) in rows], np.float32)


def pictures_of(connection: DuckDBPyConnection, product_id: str, *, live: bool) -> list[str]:
    """The ids of a product's pictures: its live ones, or all that were drawn for what it asks."""
    source = (
        "FROM live_items WHERE product_id = $product"
        if live
        else "FROM (SELECT recipe_id AS image_id FROM ledger SEMI JOIN "
        "(FROM current_prompts WHERE product_id = $product) AS asking USING (look_id) "
        "WHERE status = 'made')"
    )
    rows = connection.execute(
        f"SELECT DISTINCT image_id {source} ORDER BY image_id", {"product": product_id}
    ).fetchall()
    return [image_id for (image_id,) in rows]


def _searched(live: bool) -> str:
    """The join that leaves the pictures to search, after ``FROM scores`` or another table.

    Live pictures are never deleted. Of all, few were, so leaving those out is cheaper than looking
    each of the others up.
    """
    if live:
        return "SEMI JOIN live_items USING (image_id)"
    return "ANTI JOIN (FROM images WHERE dropped_at IS NOT NULL) AS dropped USING (image_id)"
