"""Move rows between Python and SQL: dataclasses become Arrow tables that a statement can read.

A dataclass whose fields are named like the columns is the only place in Python that names them:
``registered_rows`` makes a relation for ``INSERT INTO ... BY NAME``, ``columns_of`` the list of a
SELECT. Sets of rows go through here instead of ``executemany``, which is a hundred times slower.
"""

import dataclasses
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import duckdb
import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.arrow_text import TEXT, TEXT_MAP, text_array, text_maps
from catalog_gen.fingerprint import SHARDS

Row = TypeVar("Row")

#: Rows that are converted to Arrow at a time; bounds the Python objects in memory.
CHUNK: Final = 50_000
#: Pictures whose rows are joined and sorted at a time.
PORTION: Final = 125_000

_COLUMN_TYPES: Final[Mapping[object, pa.DataType]] = {
    str: TEXT,
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
    Literal: TEXT,
    Mapping: TEXT_MAP,
    dict: TEXT_MAP,
    tuple: pa.list_(TEXT),
    np.ndarray: pa.list_(pa.float32()),
}


@contextmanager
def registered(connection: DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Make an Arrow table readable as ``name`` while the block runs."""
    connection.register(name, table)
    try:
        yield
    except BaseException:
        # In a failed transaction this fails as well, and would hide the first error.
        with suppress(duckdb.Error):
            connection.unregister(name)
        raise
    connection.unregister(name)


@contextmanager
def registered_rows(
    connection: DuckDBPyConnection,
    name: str,
    kind: type[Row],
    rows: Iterable[Row],
    **texts: Callable[[Row], str],
) -> Iterator[None]:
    """Make the rows of ``arrow_rows`` readable as ``name`` while the block runs."""
    with registered(connection, name, arrow_rows(kind, rows, **texts)):
        yield


def arrow_rows(kind: type[Row], rows: Iterable[Row], **texts: Callable[[Row], str]) -> pa.Table:
    """Instances of a dataclass as an Arrow table with a column for each field.

    ``int`` is BIGINT, ``float`` DOUBLE, ``datetime`` TIMESTAMPTZ, a mapping MAP(VARCHAR, VARCHAR),
    a tuple VARCHAR[], an array FLOAT[].

    Args:
        texts: functions by field that replace its value by text, such as an object by its JSON.
    """
    return arrow_stream(kind, rows, **texts).read_all()


def arrow_stream(
    kind: type[Row], rows: Iterable[Row], **texts: Callable[[Row], str]
) -> pa.RecordBatchReader:
    """The batches of ``arrow_rows``, each made when it is read: for rows that are read once."""
    schema = _schema(cast(type, kind), frozenset(texts))
    value_of = [texts.get(name, attrgetter(name)) for name in schema.names]

    def batches() -> Iterator[pa.RecordBatch]:
        stream = iter(rows)
        while chunk := list(islice(stream, CHUNK)):
            arrays = [
                _array(list(map(value, chunk)), field.type)
                for value, field in zip(value_of, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def insert_row(
    connection: DuckDBPyConnection,
    table: str,
    values: Mapping[str, object],
    *,
    unless_known: bool = False,
) -> None:
    """Insert one row, given its values by column.

    Args:
        unless_known: keep an existing row with the same primary key instead of raising an error.
    """
    selected = ", ".join(f"${name} AS {name}" for name in values)
    conflict = "ON CONFLICT DO NOTHING" if unless_known else ""
    connection.execute(f"INSERT INTO {table} BY NAME SELECT {selected} {conflict}", dict(values))


@cache
def columns_of(kind: type, *leaving_out: str) -> str:
    """The fields of a dataclass, in order, as the column list of a SELECT."""
    return ", ".join(
        field.name for field in dataclasses.fields(kind) if field.name not in leaving_out
    )


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


@contextmanager
def streaming(connection: DuckDBPyConnection) -> Iterator[DuckDBPyConnection]:
    """A second connection to the same database, for a result that is fetched bit by bit."""
    (database,) = only_row(connection.execute("SELECT current_database()"))
    with connection.cursor() as cursor:
        cursor.execute(f'USE "{database}"')
        yield cursor


def limit_memory(connection: DuckDBPyConnection, limit: str = "512MB") -> None:
    """Limit the database's memory, so that it caches few pictures and sorts on disk."""
    connection.execute(f"SET memory_limit = '{limit}'")


def memory_for_rows(connection: DuckDBPyConnection, table: str) -> str:
    """A limit for writing as many rows as a table has: indexes grow with them and can't be spilled.

    1 GB, which was enough for two million pictures, and half a kilobyte for each row beyond them.
    """
    (rows,) = only_row(connection.execute(f'SELECT count(*) FROM "{table}"'))
    return f"{max(1000, rows // 2000)}MB"


def forget_blocks(connection: DuckDBPyConnection) -> None:
    """Free what DuckDB has cached of the database's file, which it keeps as long as it may.

    For connections that may not spill, where a limit could make a query fail. Outside of a
    transaction.
    """
    with suppress(duckdb.OutOfMemoryException):  # temporary tables stay, and exceed any limit
        connection.execute("SET memory_limit = '1KB'")
    connection.execute("RESET memory_limit")


def id_ranges(rows: int, portion: int = PORTION) -> Iterator[tuple[str, str]]:
    """Equal ranges of ids that are hashes: from the first text on, below the second.

    Queries over one range at a time join about ``portion`` of the rows, and sort them, in memory.
    """
    parts = -(-rows // portion)
    for part in range(parts):
        least, below = (65_536 * each // parts for each in (part, part + 1))
        yield f"{least:04x}", f"{below:04x}" if below < 65_536 else "g"


def among(connection: DuckDBPyConnection, ids: Iterable[str], known: str) -> set[str]:
    """Those of the ids that ``known``, a query for ids, returns."""
    wanted = strings(ids)
    if not wanted.num_rows:
        return set()  # without going through all that are known
    with registered(connection, "ids_to_find", wanted):
        rows = connection.execute(
            f"SELECT id FROM ({known}) AS known(id) WHERE id IN (SELECT value FROM ids_to_find)"
        ).fetchall()
    return {found for (found,) in rows}


def strings(values: Iterable[str]) -> pa.Table:
    """A one-column table, ``value``."""
    return pa.table({"value": text_array(list(values))})


def shard_list(shards: Iterable[int] | None) -> list[int] | None:
    """Shards as a parameter of ``$shards IS NULL OR shard IN (SELECT unnest($shards))``.

    None stands for all of them, and costs the query nothing.
    """
    if shards is None or len(wanted := set(shards)) == SHARDS:
        return None
    return sorted(wanted)


@cache
def _schema(kind: type, as_text: frozenset[str]) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema(
        [
            (field.name, TEXT if field.name in as_text else _column_type(hints[field.name]))
            for field in dataclasses.fields(kind)
        ]
    )


def _column_type(hint: Any) -> pa.DataType:
    if get_origin(hint) is types.UnionType:
        (hint,) = (each for each in get_args(hint) if each is not types.NoneType)
    return _COLUMN_TYPES[get_origin(hint) or hint]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        return text_maps(values)
    if kind == TEXT and None not in values:
        return text_array(values)
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_without_surrogates(value) for value in values], kind)


def _without_surrogates(value: Any) -> Any:
    """The value with lone surrogates as question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, tuple | list):
        return [_without_surrogates(each) for each in value]
    return value
