"""Parquet through pyarrow, batch by batch. Columns of any type become text."""

import datetime
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from catalog_gen.catalog.readers.jsonl import as_text
from catalog_gen.catalog.readers.record import RawRow, Record, reject
from catalog_gen.catalog.readers.source import FeedSource, unpacked_limit
from catalog_gen.errors import FeedError

BATCH_ROWS: Final = 1024
BATCH_BYTES: Final = 16 * 1024**2


def parquet_names(source: FeedSource) -> tuple[str, ...]:
    """The columns.

    Raises:
        FeedError: the file is broken.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(source.path).names)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _broken(source, 0, error) from error


def read_parquet(source: FeedSource) -> Iterator[RawRow]:
    """A record for each row, numbered from 1; a row whose text is not UTF-8 is a rejection.

    Raises:
        FeedError: the file is broken, or unpacks beyond the limits that ``source`` sets for gzip.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row_number = 0
    try:
        metadata = pq.read_metadata(source.path)
        texts = _check_size(source, metadata)
        with pq.ParquetFile(source.path, metadata=metadata, read_dictionary=texts) as file:
            names = tuple(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_batch_rows(metadata)):
                columns = [_values(each, BATCH_BYTES // len(names)) for each in batch.columns]
                for index in range(batch.num_rows):
                    row_number += 1
                    yield _row(row_number, names, columns, index)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _broken(source, row_number, error) from error


def _broken(source: FeedSource, row: int, error: Exception) -> FeedError:
    return FeedError(
        str(source.path),
        f"is broken Parquet after row {row} ({str(error)[:200]})",
        "Write or transfer the file again.",
    )


def _check_size(source: FeedSource, metadata: Any) -> list[str]:
    """Check that a file unpacks within the limits, and return its text columns.

    They are read as dictionaries, so that a repeated value is in memory once: a few hundred bytes
    can encode a million copies of a megabyte, and the sizes in the file's footer don't show it.
    """
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    limit = unpacked_limit(source.path.stat().st_size)
    if size > limit:
        raise FeedError(
            str(source.path),
            f"unpacks to {size:,} bytes, more than {limit:,}",
            "Split the feed, drop columns, or give it as CSV if it is genuine.",
        )
    columns = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _batch_rows(metadata: Any) -> int:
    """Rows of a batch of about ``BATCH_BYTES``, estimated from the sizes in the footer."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((each.total_byte_size // max(each.num_rows, 1) for each in groups), default=0)
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(widest, 1)))


def _values(column: Any, most_bytes: int) -> Any:
    """A column's values as a list, which is twice as fast as reading them one by one.

    Returns the column itself if the list could take more than ``most_bytes``, or if a value is not
    UTF-8, so that only its own row is rejected.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type):
        return column
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        if (pc.sum(lengths).as_py() or 0) > most_bytes:
            return column
        column = column.dictionary_decode()
    try:
        if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
            return [_shortest(value) for value in column.to_pylist()]
        return column.to_pylist()
    except (ValueError, OverflowError):
        return column


def _shortest(value: float | None) -> float | None:
    """A single-precision value in its shortest form: 9.99, not 9.989999771118164."""
    return None if value is None else float(str(np.float32(value)))


def _row(number: int, names: tuple[str, ...], columns: list[Any], index: int) -> RawRow:
    values: list[str] = []
    for name, column in zip(names, columns, strict=True):
        try:
            value = column[index]
            values.append(cell_text(value if isinstance(column, list) else value.as_py()))
        except (ValueError, OverflowError) as error:  # includes text that is no UTF-8
            return reject(number, name, "", f"the value can't be read ({error})")
    return Record(number, names, values)


def cell_text(value: object) -> str:
    """A Parquet value as text: NaN is empty, 12.0 is "12" (pandas writes integers so)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bool, list, dict)) or value is None:
        return as_text(value)
    return str(value)
