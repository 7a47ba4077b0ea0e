"""The scores table: the scorer's answer for a picture, and the signals measured on it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.catalog.product import Product
from catalog_gen.concept import without_word
from catalog_gen.recipe import Recipe
from catalog_gen.store.looks import asking
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import only_row, registered_rows, shard_list


@dataclass(frozen=True, slots=True)
class ToScore:
    """A picture that a scorer has not seen, with the wish that it was drawn for.

    ``product`` is, in its newest state, the first by id of the products that ask for it; ``inputs``
    are the fields that its wish was made from, and ``asked`` is what it asks for. ``words`` are
    those that an experiment replaced in its prompt.
    """

    image_id: str
    view: str
    prompt_id: str
    inputs: dict[str, str]
    asked: dict[str, str]
    recipe: Recipe
    product: Product
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def product_id(self) -> str:
        """The product that the picture shows."""
        return self.product.product_id

    @property
    def prompt(self) -> str:
        """The prompt that the picture is compared with: the recipe's, without a learned word."""
        return without_word(self.recipe.prompt, self.word)

    @property
    def word(self) -> str:
        """The learned word in its recipe's prompt; empty: there is none."""
        return self.inputs.get("concept", "") if self.recipe.concept_sha256 else ""


@dataclass(frozen=True, eq=False, slots=True)
class ScoreRow:
    """A scorer's answer for one picture.

    Attributes:
        scorer: hash of the scorer's weights.
        similarity: cosine of picture and prompt, -1..1.
        margin: similarity minus that of the best other product's prompt.
        embedding: of the picture, (D,), unit length.
        signals: JSON, everything else that was measured.
        device: what computed the embedding: 'cpu' or the GPU's name.
        lookers: JSON, by part the hash of what else looked at it (``judging.lookers``).
    """

    image_id: str
    scorer: str
    similarity: float
    margin: float
    embedding: NDArray[np.float32]
    signals: str
    device: str
    lookers: str
    scored_at: datetime
    run_id: str


def unscored(
    connection: DuckDBPyConnection, scorer: str, lookers: str, shards: Collection[int] | None
) -> list[ToScore]:
    """Pictures that active products ask for and that are unscored by this scorer and lookers.

    The newest score counts. Ordered by view and product.
    """
    rows = connection.execute(
        f"""
        WITH unanswered AS (
            SELECT ledger.* FROM ledger JOIN images ON images.image_id = ledger.recipe_id
            ANTI JOIN (
                SELECT image_id FROM newest_scores WHERE scorer = $scorer AND lookers = $lookers
            ) AS answered ON answered.image_id = ledger.recipe_id
            WHERE ledger.status = 'made' AND images.dropped_at IS NULL
        ), {asking("unanswered")}
        SELECT recipe_id, unanswered.view, prompts.prompt_id, prompts.inputs, prompts.asked,
            recipes.recipe, {PRODUCT_COLUMNS}
        FROM unanswered JOIN asking USING (look_id)
        JOIN prompts ON prompts.prompt_id = asking.prompt_id
        JOIN recipes USING (recipe_id)
        JOIN products ON products.product_id = asking.product_id
        ORDER BY unanswered.view, asking.product_id, candidate, attempt
        """,
        {"scorer": scorer, "lookers": lookers, "shards": shard_list(shards)},
    ).fetchall()
    return [
        ToScore(
            image_id,
            view,
            prompt_id,
            inputs,
            asked,
            Recipe.model_validate_json(recipe),
            stored_product(columns),
        )
        for image_id, view, prompt_id, inputs, asked, recipe, *columns in rows
    ]


@dataclass(frozen=True, slots=True)
class Outdated:
    """Pictures in use that were scored by another scorer or by other lookers than today's."""

    scorer: str
    lookers: str
    pictures: int


def outdated_scores(
    connection: DuckDBPyConnection, scorer: str | None, lookers: str
) -> list[Outdated]:
    """Pictures that a refresh would score again, by what scored them; the most frequent first.

    Args:
        scorer: None: unknown before it is loaded, and taken to be the same.
    """
    rows = connection.execute(
        """
        WITH otherwise AS (
            SELECT DISTINCT image_id FROM scores
            WHERE lookers <> $lookers OR $scorer IS NOT NULL AND scorer <> $scorer
        ), newest AS (
            FROM scores SEMI JOIN otherwise USING (image_id)
            QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY seq DESC) = 1
        )
        SELECT scorer, lookers, count(*) AS pictures
        FROM newest JOIN wanted_candidates ON recipe_id = image_id AND status = 'made'
        JOIN images USING (image_id)
        WHERE dropped_at IS NULL AND (
            lookers <> $lookers OR $scorer IS NOT NULL AND scorer <> $scorer
        )
        GROUP BY ALL ORDER BY pictures DESC, scorer, lookers
        """,
        {"scorer": scorer, "lookers": lookers},
    ).fetchall()
    return [Outdated(*row) for row in rows]


def newest_scorer(connection: DuckDBPyConnection) -> str | None:
    """The hash of the scorer that scored last; None before anything was scored."""
    (scorer,) = only_row(connection.execute("SELECT arg_max(scorer, seq) FROM scores"))
    return None if scorer is None else str(scorer)


def newest_signals(connection: DuckDBPyConnection, image_ids: Sequence[str]) -> dict[str, str]:
    """The newest signals of these pictures, as JSON; pictures never measured are absent."""
    rows = connection.execute(
        """
        SELECT image_id, arg_max(signals, seq) FROM scores
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[])) GROUP BY image_id
        """,
        {"ids": list(image_ids)},
    ).fetchall()
    return dict(rows)


def save_scores(connection: DuckDBPyConnection, rows: Sequence[ScoreRow]) -> None:
    """Save answers, replacing the same scorer's earlier answer for a picture."""
    if not rows:
        return
    with registered_rows(connection, "scores_to_save", ScoreRow, rows):
        # The number is asked for here: a row that is replaced would keep the one it had.
        connection.execute(
            """
            INSERT OR REPLACE INTO scores BY NAME
            SELECT *, nextval('seq') AS seq FROM scores_to_save
            """
        )
