"""Rows from Python into SQL and back: Arrow tables that a statement can read by name.

Sets of rows go through here instead of ``executemany``, which is a hundred times slower. Nothing
here knows a table of the schema.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, islice
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

Row = TypeVar("Row")

#: Rows that are turned into Arrow at a time; bounds the Python objects that live at once.
CHUNK: Final = 50_000

TEXT: Final = pa.string()
TEXT_MAP: Final = pa.map_(pa.string(), pa.string())
MOMENT: Final = pa.timestamp("us", tz="UTC")


@contextmanager
def registered(connection: DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Make an Arrow table readable as ``name`` while the block runs."""
    connection.register(name, table)
    try:
        yield
    except BaseException:
        # In a failed transaction this fails, too, and would hide the first error.
        with suppress(duckdb.Error):
            connection.unregister(name)
        raise
    connection.unregister(name)


def first_row(result: DuckDBPyConnection) -> tuple[Any, ...] | None:
    """The first row of a result, None for an empty one.

    DuckDB's own ``fetchone`` leaves the result unfinished, and the connection refuses to register
    or unregister relations until it is.
    """
    rows = result.fetchall()
    return rows[0] if rows else None


def only_row(result: DuckDBPyConnection) -> tuple[Any, ...]:
    """The row of a result that has exactly one, such as counts."""
    (row,) = result.fetchall()
    return row


def arrow_table(
    rows: Iterable[Row], schema: pa.Schema, values: Callable[[Row], Sequence[object]]
) -> pa.Table:
    """Rows as an Arrow table; ``values`` gives a row's values in the order of the schema."""
    stream = iter(rows)
    batches: list[pa.RecordBatch] = []
    while chunk := list(islice(stream, CHUNK)):
        columns = zip(*map(values, chunk), strict=True)
        arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def strings(values: Iterable[str]) -> pa.Table:
    """A one-column table, ``value``."""
    return pa.table({"value": pa.array(list(values), TEXT)})


def shard_list(shards: Iterable[int] | None) -> list[int] | None:
    """Shards as a parameter of ``$shards IS NULL OR shard IN (SELECT unnest($shards))``."""
    return None if shards is None else sorted(shards)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        return _map_array(values, kind)
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        # Lone surrogates are legal in JSON and in no database: kept as question marks.
        return pa.array([_without_surrogates(value) for value in values], kind)


def _map_array(values: Sequence[Mapping[str, str]], kind: pa.MapType) -> pa.Array:
    """Sorted by key, so that equal mappings are equal in the database; no tuple an item."""
    offsets = [0, *accumulate(map(len, values))]
    keys: list[str] = []
    texts: list[str] = []
    for mapping in values:
        for key in sorted(mapping):
            keys.append(key)
            texts.append(mapping[key])
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        _array(keys, kind.key_type),
        _array(texts, kind.item_type),
        type=kind,
    )


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    return value
