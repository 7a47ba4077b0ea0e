"""JSON Lines: one object per line, in UTF-8 or another text encoding.

Numbers keep their digits as written ("10.50" stays "10.50"). A file that is one JSON array is not
JSONL; ``feeds`` refuses it.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from catalog_gen.catalog.readers.lines import read_lines
from catalog_gen.catalog.readers.record import MAX_FIELDS, RawRow, Record, reject
from catalog_gen.catalog.readers.source import FeedSource, half_written

#: JSON can escape lone surrogates, which neither UTF-8 nor the database can store.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def read_jsonl(source: FeedSource, encoding: str) -> Iterator[RawRow]:
    """Yield a record for each object, and a rejection for any other line that is not blank."""
    for line in read_lines(source, encoding):
        if line.fault:
            yield reject(line.number, "", line.text, line.fault)
            continue
        if not line.text.strip():
            continue
        try:
            value = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            if not line.end and line.number > 1:
                raise half_written(source, line.number) from error
            yield reject(line.number, "", line.text, f"the line is not a JSON object ({error})")
            continue
        if not isinstance(value, dict):
            yield reject(line.number, "", line.text, "the line is not a JSON object")
            continue
        if len(value) > MAX_FIELDS:
            rule = f"a row has at most {MAX_FIELDS:,} fields"
            yield reject(line.number, "", f"{len(value):,} fields", rule)
            continue
        try:
            values = [as_text(each) for each in value.values()]
        except RecursionError:
            yield reject(line.number, "", line.text, "the JSON object is nested too deep")
            continue
        if any(map(_SURROGATE.search, (*value, *values))):
            rule = "a text holds half of a UTF-16 pair (a lone surrogate)"
            yield reject(line.number, "", line.text, rule)
            continue
        yield Record(line.number, tuple(value), values)


def as_text(value: object) -> str:
    """A JSON value as a cell: lists joined by ", ", objects as compact JSON, null as ''."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(filter(None, map(as_text, value)))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
