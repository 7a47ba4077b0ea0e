"""The prompts table, and which products need a new prompt.

The fingerprint of a product's inputs is computed inside the database, so that the cost of planning
depends on the number of changes, not on the size of the catalog.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import CORE_FIELDS, Product
from catalog_gen.fingerprint import canonical_json, sha256_json, sha256_text
from catalog_gen.planning import Reason, reason_for
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import (
    first_row,
    registered,
    registered_rows,
    shard_list,
    strings,
)

#: Stale inputs held in memory at once.
FETCHED: Final = 10_000
#: How many values of an attribute are sampled per view, at most.
MAX_VALUES: Final = 64


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """What determines a view's prompts and pictures.

    Attributes:
        view: its name.
        fields: the product fields that it reads, in a stable order.
        spec: the hashes of everything else, by part: ``template``, ``model``, ``settings``.
        needs_reference: whether products without a reference photo are left out.
    """

    view: str
    fields: tuple[str, ...]
    spec: Mapping[str, str]
    needs_reference: bool

    @property
    def head(self) -> str:
        """The part of the fingerprint that all products share: a SHA-256."""
        return sha256_json({"fields": self.fields, "spec": dict(self.spec)})

    def fingerprint(self, values: Mapping[str, str]) -> str:
        """SHA-256 over the head and the values of the fields, each as a netstring.

        A netstring is ``<length in bytes>:<bytes>,``, so that no value can be taken for two. This
        is the definition; ``stale_inputs`` computes the same in SQL.
        """
        parts = (values.get(name, "") for name in self.fields)
        return sha256_text(self.head + "".join(f"{len(part.encode())}:{part}," for part in parts))


@dataclass(frozen=True, slots=True)
class StaleInput:
    """A product and view whose current prompt is missing or made from other inputs.

    ``previous_inputs`` and ``previous_spec`` are those of the current prompt; None if the product
    has none for this view because it is new, or was retired and is back.
    """

    product_id: str
    shard: int
    view: str
    fingerprint: str
    inputs: dict[str, str]
    spec: dict[str, str]
    product: Product
    previous_inputs: dict[str, str] | None = None
    previous_spec: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One state of a product's inputs for one view, and the prompt made from it.

    ``asked`` is what the picture has to show: attribute to value.
    """

    prompt_id: str
    product_id: str
    shard: int
    view: str
    fingerprint: str
    look_id: str | None
    """What its pictures show; None: the model can't draw it."""
    form: str
    """The look without its colour."""
    inputs: Mapping[str, str]
    spec: Mapping[str, str]
    prompt: str
    negative_prompt: str
    tokens: int
    reason: str
    created_at: datetime
    run_id: str
    asked: Mapping[str, str] = field(default_factory=dict)
    """What the view asks of the product: attribute to value, '' for nothing."""
    dropped: tuple[str, ...] = ()
    unsupported: str = ""


def stale_inputs(
    connection: DuckDBPyConnection,
    view: ViewSpec,
    *,
    relation: str = "products",
    shards: Collection[int] | None = None,
) -> Iterator[StaleInput]:
    """Active products whose current prompt for this view is missing or outdated, by product id.

    All are found before the first is yielded, and fetched some thousand at a time: the caller may
    write prompts in between, and a first night of a million products fits into memory.

    Args:
        relation: the products table, or a relation with its columns (``incoming_products``).
        shards: which shards; None means all.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE stale AS
        WITH wanted AS (
            SELECT product_id, {_fingerprint_sql(view.fields)} AS fingerprint
            FROM "{relation}"
            WHERE retired_at IS NULL
                AND ($shards IS NULL OR shard IN (SELECT unnest($shards::UTINYINT[])))
                AND (NOT $needs_reference OR reference <> '')
        )
        SELECT row_number() OVER (ORDER BY product_id) AS place, wanted.*, held.prompt_id
        FROM wanted LEFT JOIN (
            SELECT product_id, fingerprint, prompt_id FROM prompts WHERE current AND view = $view
        ) AS held USING (product_id)
        WHERE held.fingerprint IS DISTINCT FROM wanted.fingerprint
        """,
        {
            "view": view.view,
            "head": view.head,
            "shards": shard_list(shards),
            "needs_reference": view.needs_reference,
            **{f"field_{index}": name for index, name in _attributes(view.fields)},
        },
    )
    first = 1
    while rows := connection.execute(
        f"""
        SELECT products.shard, stale.fingerprint, to_json(held.inputs)::VARCHAR, held.spec,
            {PRODUCT_COLUMNS}
        FROM (SELECT * FROM stale WHERE place BETWEEN $first AND $last) AS stale
        JOIN "{relation}" AS products USING (product_id)
        LEFT JOIN prompts AS held ON held.prompt_id = stale.prompt_id
        ORDER BY place
        """,
        {"first": first, "last": first + FETCHED - 1},
    ).fetchall():
        yield from (_stale_input(view, row) for row in rows)
        first += FETCHED


def unsupported_products(connection: DuckDBPyConnection) -> dict[str, str]:
    """Active products with a current wish that the model can't draw, and why."""
    rows = connection.execute(
        """
        SELECT product_id, min(unsupported) FROM current_prompts
        WHERE unsupported <> ''
        GROUP BY product_id ORDER BY product_id
        """
    ).fetchall()
    return dict(rows)


def save_prompts(connection: DuckDBPyConnection, rows: Sequence[PromptRow]) -> None:
    """Make these prompts, new or known, the current ones of their products and views."""
    if not rows:
        return
    with registered_rows(connection, "prompts_to_save", PromptRow, rows, spec=_spec_json):
        connection.execute(
            """
            UPDATE prompts SET current = false
            FROM prompts_to_save AS newer
            WHERE prompts.current AND prompts.product_id = newer.product_id
                AND prompts.view = newer.view AND prompts.prompt_id <> newer.prompt_id
            """
        )
        connection.execute(
            """
            UPDATE prompts SET current = true
            FROM prompts_to_save AS newer WHERE prompts.prompt_id = newer.prompt_id
            """
        )
        connection.execute(
            """
            INSERT INTO prompts BY NAME
            SELECT newer.*, true AS current
            FROM prompts_to_save AS newer ANTI JOIN prompts USING (prompt_id)
            """
        )


def retire_prompts(
    connection: DuckDBPyConnection,
    views: Collection[str],
    *,
    needing_reference: Collection[str] = (),
) -> int:
    """End the prompts of views that no longer exist; returns how many.

    Args:
        views: the views in the settings.
        needing_reference: those of them whose prompts end when a product loses its photo.
    """
    with (
        registered(connection, "kept_views", strings(views)),
        registered(connection, "photo_views", strings(needing_reference)),
    ):
        row = first_row(
            connection.execute(
                """
            UPDATE prompts SET current = false
            WHERE current AND (
                view NOT IN (SELECT value FROM kept_views)
                OR (view IN (SELECT value FROM photo_views) AND product_id IN
                    (SELECT product_id FROM products WHERE reference = ''))
            )
            """
            )
        )
    return int(row[0]) if row else 0


def retire_others(connection: DuckDBPyConnection, view: str, relation: str) -> None:
    """End a view's prompts of all products but those of a relation."""
    connection.execute(
        f"""
        UPDATE prompts SET current = false
        WHERE current AND view = ? AND product_id NOT IN (SELECT product_id FROM "{relation}")
        """,
        [view],
    )


def reasons_behind(
    connection: DuckDBPyConnection, prompt_ids: Collection[str]
) -> dict[str, Reason]:
    """Work out again why each of these prompts replaced the one before it.

    Their products are found first: DuckDB joins all prompts' inputs with what it takes for many.
    """
    with registered(connection, "prompts_to_explain", strings(prompt_ids)):
        found = connection.execute(
            "SELECT DISTINCT product_id FROM prompts "
            "WHERE prompt_id IN (SELECT value FROM prompts_to_explain)"
        ).fetchall()
        with registered(connection, "products_asked", strings(row[0] for row in found)):
            rows = connection.execute(
                """
                WITH history AS (
                    SELECT prompt_id, inputs::JSON AS inputs, spec,
                        lag(inputs::JSON) OVER earlier AS previous_inputs,
                        lag(spec) OVER earlier AS previous_spec
                    FROM prompts
                    WHERE product_id IN (SELECT value FROM products_asked)
                        AND reason <> 'experiment'
                    WINDOW earlier AS (PARTITION BY product_id, view ORDER BY seq)
                )
                SELECT * FROM history
                WHERE prompt_id IN (SELECT value FROM prompts_to_explain)
                """
            ).fetchall()
    return {
        prompt_id: reason_for(
            json.loads(inputs),
            json.loads(spec),
            None if previous_inputs is None else json.loads(previous_inputs),
            None if previous_spec is None else json.loads(previous_spec),
        )
        for prompt_id, inputs, spec, previous_inputs, previous_spec in rows
    }


def current_prompts(connection: DuckDBPyConnection) -> dict[str, list[str]]:
    """The distinct current prompts of active products by view, in alphabetical order.

    Without learned words, as ``concept.without_word`` leaves them out. Prompts that the model can't
    draw are left out.
    """
    rows = connection.execute(
        r"""
        WITH known AS (
            SELECT view, prompt,
                if(inputs['concept_sha256'] IS NULL, '', coalesce(inputs['concept'], '')) AS word
            FROM current_prompts WHERE unsupported = ''
        ), said AS (
            SELECT view, if(word = '', prompt, trim(
                regexp_replace(replace(prompt, word, ' '), '\s+', ' ', 'g'), ', '
            )) AS prompt
            FROM known
        )
        SELECT view, list(DISTINCT prompt ORDER BY prompt) FROM said GROUP BY view ORDER BY view
        """
    ).fetchall()
    return dict(rows)


def asked_values(connection: DuckDBPyConnection) -> dict[str, dict[str, list[str]]]:
    """What the current prompts of active products ask for: values by view and attribute.

    Prompts that the model can't draw are left out. Of more than ``MAX_VALUES`` values, those with
    the lowest SHA-256 are kept: a new value displaces at most one.
    """
    rows = connection.execute(
        """
        WITH wishes AS (
            SELECT view, unnest(map_entries(asked)) AS entry FROM current_prompts
            WHERE unsupported = ''
        ),
        found AS (
            SELECT DISTINCT view, entry.key AS attribute, entry.value AS value
            FROM wishes WHERE entry.value <> ''
        )
        SELECT view, attribute, arg_min(value, sha256(value), $most)
        FROM found GROUP BY view, attribute ORDER BY view, attribute
        """,
        {"most": MAX_VALUES},
    ).fetchall()
    found: dict[str, dict[str, list[str]]] = {}
    for view, attribute, values in rows:
        found.setdefault(view, {})[attribute] = values
    return found


def known_attributes(connection: DuckDBPyConnection) -> list[str]:
    """The names of the attributes that any active product has, in alphabetical order."""
    rows = connection.execute(
        """
        SELECT DISTINCT unnest(map_keys(attributes)) AS name
        FROM active_products ORDER BY name
        """
    ).fetchall()
    return [name for (name,) in rows]


def _attributes(fields: Sequence[str]) -> list[tuple[int, str]]:
    return [(index, name) for index, name in enumerate(fields) if name not in CORE_FIELDS]


def _fingerprint_sql(fields: Sequence[str]) -> str:
    """SQL for ``ViewSpec.fingerprint``; names of attributes come as parameters."""
    values = [
        name if name in CORE_FIELDS else f"coalesce(attributes[$field_{index}], '')"
        for index, name in enumerate(fields)
    ]
    netstrings = [f"strlen({value}), ':', {value}, ','" for value in values]
    return f"sha256(concat({', '.join(['$head', *netstrings])}))"


def _stale_input(view: ViewSpec, row: tuple[Any, ...]) -> StaleInput:
    shard, fingerprint, previous_inputs, previous_spec, *columns = row
    product = stored_product(columns)
    values = product.fields()
    return StaleInput(
        product_id=product.product_id,
        shard=shard,
        view=view.view,
        fingerprint=fingerprint,
        inputs={name: values.get(name, "") for name in view.fields},
        spec=dict(view.spec),
        product=product,
        previous_inputs=None if previous_inputs is None else json.loads(previous_inputs),
        previous_spec=None if previous_spec is None else json.loads(previous_spec),
    )


def _spec_json(row: PromptRow) -> str:
    return canonical_json(dict(row.spec))
