"""Find products and pictures: by words, prompt, seed, date, decision, view, likeness, meaning."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.store.relations import only_row

#: The status of a picture, to filter by: a decision, or whether it is live.
Standing = Literal["accepted", "review", "rejected", "unjudged", "live"]


@dataclass(frozen=True, slots=True)
class ProductName:
    """A product's id and title."""

    product_id: str
    title: str


@dataclass(frozen=True, eq=False, slots=True)
class Meaning:
    """What words say to a scorer: a unit embedding (D,), comparable with that scorer's alone."""

    scorer: str
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sought:
    """Search criteria; empty fields allow everything.

    Attributes:
        words: all of them must occur in the product's id, title or category, or in the prompt.
        since, until: days in UTC, both included.
        like: the id of a picture; the most similar ones come first.
        shows: the pictures that look most like it come first; in place of ``like``. Pictures that
            its scorer has not seen come last.
    """

    words: str = ""
    prompt: str = ""
    seed: int | None = None
    view: str = ""
    standing: Standing | None = None
    since: date | None = None
    until: date | None = None
    product_id: str = ""
    like: str = ""
    shows: Meaning | None = None


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """One picture among those found. ``distance`` is 1 minus the cosine to what is sought."""

    image_id: str
    product_id: str
    title: str
    view: str
    decision: str
    total: int | None
    live: bool
    created_at: datetime
    dropped: bool
    distance: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of pictures, and the number of all that were found."""

    count: int
    pictures: tuple[FoundPicture, ...] = field(default=())


#: One row for each picture, with what is searched; as ``lineage``, but for the columns that a
#: search does not need, which would take it three times as long.
_PICTURES: Final = """
    SELECT images.image_id, prompts.product_id, coalesce(products.title, '') AS title, prompts.view,
        coalesce(review.decision, verdict.decision, 'unjudged') AS decision, verdict.total,
        images.image_id IN (SELECT image_id FROM live_items) AS live, images.created_at,
        images.dropped_at IS NOT NULL AS dropped, prompts.prompt, recipes.seed, images.seq,
        lower(concat_ws(' ', prompts.product_id, products.title, products.category, prompts.prompt))
            AS searchable
    FROM images
    JOIN prompts ON prompts.prompt_id = images.prompt_id
    JOIN recipes ON recipes.recipe_id = images.image_id
    LEFT JOIN products ON products.product_id = prompts.product_id
    LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = images.image_id
    LEFT JOIN newest_reviews AS review ON review.image_id = images.image_id
"""


def products_named(connection: DuckDBPyConnection, words: str, limit: int) -> list[ProductName]:
    """Active products whose id, title or category has all of these words, by title."""
    conditions, values = _having(words, "lower(concat_ws(' ', product_id, title, category))")
    where = " AND ".join(["true", *conditions])
    rows = connection.execute(
        f"""
        SELECT product_id, title FROM active_products WHERE {where}
        ORDER BY title, product_id LIMIT $limit
        """,
        {**values, "limit": limit},
    ).fetchall()
    return [ProductName(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ProductPhoto:
    """A product's reference photo, as the feed names it, and its SHA-256."""

    product_id: str
    title: str
    reference: str
    sha256: str


def product_photos(connection: DuckDBPyConnection, photo: str, limit: int) -> list[ProductPhoto]:
    """The photos of active products, each once, by title.

    Args:
        photo: the attribute that has the photo's hash.
    """
    rows = connection.execute(
        """
        SELECT product_id, title, reference, attributes[$photo] AS hash FROM active_products
        WHERE hash <> '' QUALIFY row_number() OVER (PARTITION BY hash ORDER BY product_id) = 1
        ORDER BY title, product_id LIMIT $limit
        """,
        {"photo": photo, "limit": limit},
    ).fetchall()
    return [ProductPhoto(*row) for row in rows]


def find_pictures(
    connection: DuckDBPyConnection, sought: Sought, *, limit: int, offset: int = 0
) -> Found:
    """A page of the pictures that match, the newest or the most similar first."""
    conditions, values = _having(sought.words, "searchable")
    wanted: dict[str, tuple[str, Any]] = {
        "seed": ("seed = $seed", sought.seed),
        "view": ("view = $view", sought.view or None),
        "product": ("product_id = $product", sought.product_id or None),
        "since": ("created_at >= $since::DATE", sought.since),
        "until": ("created_at < $until::DATE + INTERVAL 1 DAY", sought.until),
        "prompt": ("contains(lower(prompt), $prompt)", sought.prompt.strip().lower() or None),
    }
    for name, (condition, value) in wanted.items():
        if value is not None:
            conditions.append(condition)
            values[name] = value
    if sought.standing == "live":
        conditions.append("live")
    elif sought.standing is not None:
        conditions.append("decision = $standing")
        values["standing"] = sought.standing
    where = " AND ".join(["true", *conditions])
    found = f"WITH found AS (SELECT * FROM ({_PICTURES}) WHERE {where})"
    (count,) = only_row(connection.execute(f"{found} SELECT count(*) FROM found", values))
    distance, order = "NULL", "seq DESC"
    if sought.shows is not None:
        distance = """1 - list_cosine_similarity(
            (SELECT embedding FROM scores WHERE image_id = found.image_id AND scorer = $scorer),
            $embedding::FLOAT[])"""
        order = "distance NULLS LAST, seq DESC"
        values["scorer"] = sought.shows.scorer
        values["embedding"] = sought.shows.embedding.tolist()
    elif sought.like:
        distance = """1 - list_cosine_similarity(
            (SELECT arg_max(embedding, seq) FROM scores WHERE image_id = found.image_id),
            (SELECT arg_max(embedding, seq) FROM scores WHERE image_id = $like))"""
        order, values["like"] = "distance NULLS LAST, seq DESC", sought.like
    rows = connection.execute(
        f"""
        {found}
        SELECT image_id, product_id, title, view, decision, total, live, created_at, dropped,
            {distance} AS distance
        FROM found ORDER BY {order} LIMIT $limit OFFSET $offset
        """,
        {**values, "limit": limit, "offset": offset},
    ).fetchall()
    return Found(int(count), tuple(FoundPicture(*row) for row in rows))


def _having(words: str, text: str) -> tuple[list[str], dict[str, Any]]:
    """SQL conditions that a text contains all of the words, and their parameters."""
    values = {f"word_{place}": word for place, word in enumerate(words.lower().split())}
    return [f"contains({text}, ${name})" for name in values], dict(values)
