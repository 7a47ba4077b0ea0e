"""Text as Arrow columns, as DuckDB reads it: without lone surrogates, maps sorted by their keys.

``pyarrow.array`` imports pandas, a third of a second of processor time. What is made here from
buffers takes as long otherwise.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Final

import numpy as np
import pyarrow as pa

TEXT: Final = pa.string()
TEXT_MAP: Final = pa.map_(pa.string(), pa.string())


def text_array(values: Sequence[str]) -> pa.Array:
    """Texts as an array; lone surrogates, legal in JSON, become question marks.

    Raises:
        OverflowError: they have 2 GiB or more.
    """
    joined = "".join(values)
    if joined.isascii():
        lengths, content = map(len, values), joined.encode()
    else:
        encoded = [value.encode("utf-8", "replace") for value in values]
        lengths, content = map(len, encoded), b"".join(encoded)
    ends = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(lengths, np.int64, len(values)), out=ends[1:])
    if ends[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{ends[-1]:,} bytes of text in one array")
    offsets = pa.py_buffer(ends.astype(np.int32))
    return pa.Array.from_buffers(TEXT, len(values), [None, offsets, pa.py_buffer(content)])


def bool_array(values: Sequence[bool] | np.ndarray) -> pa.Array:
    """Truth values as an array."""
    packed = np.packbits(np.asarray(values, bool), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(packed)])


def int_array(values: Sequence[int] | np.ndarray) -> pa.Array:
    """Whole numbers as an array of ``int64``."""
    return _numbers(np.asarray(values, np.int64), pa.int64())


def text_maps(mappings: Sequence[Mapping[str, str]]) -> pa.MapArray:
    """Mappings as an array, sorted by key: equal mappings are equal in the database."""
    offsets = [0, *accumulate(map(len, mappings))]
    keys: list[str] = []
    texts: list[str] = []
    for mapping in mappings:
        for key in sorted(mapping):
            keys.append(key)
            texts.append(mapping[key])
    return _map_array(offsets, text_array(keys), text_array(texts))


def maps_of_columns(columns: Mapping[str, Sequence[str]], count: int) -> pa.MapArray:
    """What ``text_maps`` makes of rows that are given as columns, '' left out.

    Args:
        count: the number of rows.
    """
    names = sorted(columns)
    texts = list(chain.from_iterable(zip(*(columns[name] for name in names), strict=True)))
    keys, values = text_array(names * count), text_array(texts)
    if all(texts):
        return _map_array(np.arange(count + 1) * len(names), keys, values)
    there = np.fromiter(map(bool, texts), bool, len(texts)).reshape(count, len(names))
    kept = bool_array(there.ravel())
    offsets = np.concatenate([[0], there.sum(axis=1).cumsum()])
    return _map_array(offsets, keys.filter(kept), values.filter(kept))


def _map_array(offsets: Sequence[int] | np.ndarray, keys: pa.Array, texts: pa.Array) -> pa.MapArray:
    starts = _numbers(np.asarray(offsets, np.int32), pa.int32())
    return pa.MapArray.from_arrays(starts, keys, texts, type=TEXT_MAP)


def _numbers(numbers: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])
