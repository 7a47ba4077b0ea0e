"""Everything about one picture, from the ``lineage`` view."""

import json
from dataclasses import dataclass
from typing import Any, Final

from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError
from catalog_gen.store.relations import first_row

#: Columns of the view that hold JSON text.
_JSON: Final = frozenset(
    {"recipe", "lesson", "model_parts", "parameters", "environment", "signals", "criteria"}
)


@dataclass(frozen=True, slots=True)
class ProductsOf:
    """The products of a picture by id: active ones that ask for it, and those that show it."""

    asking: tuple[str, ...]
    showing: tuple[str, ...]


def products_of(connection: DuckDBPyConnection, image_id: str, look_id: str | None) -> ProductsOf:
    """Who asks for a picture of this look today, and who shows it."""
    asking = connection.execute(
        "SELECT product_id FROM current_prompts WHERE look_id = ? ORDER BY product_id", [look_id]
    ).fetchall()
    showing = connection.execute(
        "SELECT product_id FROM live_items WHERE image_id = ? ORDER BY product_id", [image_id]
    ).fetchall()
    return ProductsOf(
        tuple(product_id for (product_id,) in asking),
        tuple(product_id for (product_id,) in showing),
    )


def lineage_of(connection: DuckDBPyConnection, image_id: str) -> dict[str, Any]:
    """The picture's row of the ``lineage`` view by column, with JSON columns parsed.

    Raises:
        InputError: there is no such picture.
    """
    result = connection.execute("SELECT * FROM lineage WHERE image_id = ?", [image_id])
    columns = [column[0] for column in result.description or ()]
    row = first_row(result)
    if row is None:
        raise InputError(
            image_id,
            "no stored image has this id",
            "Take one from `catalog-gen sql 'FROM live_images'`.",
        )
    return {
        name: json.loads(value) if name in _JSON and value is not None else value
        for name, value in zip(columns, row, strict=True)
    }
