"""Everything about one picture, from the ``lineage`` view."""

import json
from typing import Any, Final

from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError
from catalog_gen.store.relations import first_row

#: Columns of the view that hold JSON text.
_JSON: Final = frozenset({"recipe", "parameters", "environment", "signals", "criteria"})


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
