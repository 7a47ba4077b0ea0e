"""Sort the cells of many records into fields, column by column.

A feed's colours, materials and prices repeat from row to row, and most columns need no cleaning:
for a thousand values at once, both are found in a fraction of the time that they take one by one.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from catalog_gen.catalog.aliases import Column
from catalog_gen.catalog.product import CORE_FIELDS
from catalog_gen.catalog.text import clean_text
from catalog_gen.redaction import without_credentials

#: What shop systems write in "product type": how a product is sold, and not what it is.
_HOW_SOLD: Final = frozenset(
    {
        *("simple", "variable", "variation", "grouped", "external", "configurable", "bundle"),
        *("virtual", "downloadable", "physical", "digital", "subscription", "standard", "variant"),
        *("parent", "child", "service", "simple, virtual", "simple, downloadable, virtual"),
    }
)
_CORE: Final = frozenset(CORE_FIELDS)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
#: Entities, tags, URLs, and spaces that are doubled or at an edge: what cleaning may change.
_SUSPECT: Final = ("&", "<", ":/", "  ", "| ", " |")

Values = Sequence[str]


@dataclass(frozen=True, slots=True)
class FieldColumns:
    """The values of some records by field, '' where a record has none.

    ``core`` holds the core fields as the feed has them, ``attributes`` the others, clean.
    ``longest`` is the most characters of a cell, also of those in no field.
    """

    core: Mapping[str, Values]
    attributes: Mapping[str, Values]
    longest: int

    @classmethod
    def of(cls, columns: Sequence[Values], plan: Sequence[Column], limit: int) -> "FieldColumns":
        """The fields of one or more records, given column by column.

        Where several columns can fill a field, the best one with a value does in each record, and
        the others become attributes under their own names.

        Args:
            plan: the columns of the records' names, best first for every field.
            limit: the most characters of an attribute; longer ones are left out.
        """
        core: dict[str, Values] = {}
        attributes: dict[str, Values] = {}
        for column in plan:
            values = _present(columns[column.index])
            if column.field == "category":
                values = each_distinct(_unless_how_sold, values)
            if column.field in _CORE:
                surplus = _fill(core, column.field, values)
                # The same value again says nothing.
                surplus = [
                    "" if value == kept else value
                    for value, kept in zip(surplus, core[column.field], strict=False)
                ]
                surplus = _attribute(surplus, limit)
            else:
                surplus = _fill(attributes, column.field, _attribute(values, limit))
            if column.own not in _CORE and any(surplus):
                _fill(attributes, column.own, surplus)
        longest = max((max(map(len, values)) for values in columns), default=0)
        return cls(core, attributes, longest)


def by_record(fields: Mapping[str, Values], count: int) -> list[dict[str, str]]:
    """Each record's fields that have a value.

    Args:
        count: the number of records.
    """
    if not fields:
        return [{} for _ in range(count)]
    names = tuple(fields)
    rows = zip(*fields.values(), strict=True)
    if all(map(all, fields.values())):
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [{name: value for name, value in zip(names, row, strict=True) if value} for row in rows]


def cleaned(values: Values, clean: Callable[[str], str]) -> Values:
    """Clean values, where they need it.

    Args:
        clean: a function that leaves printable ASCII alone if it has no entities, tags, URLs and
            surplus spaces, such as ``html_to_text``.
    """
    text = f"|{'|'.join(values)}|"
    needless = text.isascii() and text.isprintable() and not any(map(text.__contains__, _SUSPECT))
    return values if needless else each_distinct(clean, values)


def each_distinct(function: Callable[[str], str], values: Values) -> Values:
    """A function of each value; equal values are computed once."""
    results = {value: function(value) for value in set(values)}
    return list(map(results.__getitem__, values))


def decoded(value: str) -> str:
    """Decode ``&amp;`` and other entities; a URL keeps ``&copy=1``."""
    if "&" not in value or ";" not in value:
        return value
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), value)


def without_long(values: Values, limit: int) -> Values:
    """The values, with '' for those of more characters than the limit."""
    if max(map(len, values), default=0) <= limit:
        return values
    return [value if len(value) <= limit else "" for value in values]


def _attribute(values: Values, limit: int) -> Values:
    return cleaned(without_long(values, limit), _clean_attribute)


def _clean_attribute(value: str) -> str:
    """One line, without entities and credentials."""
    return without_credentials(clean_text(decoded(value)))


def _present(values: Values) -> Values:
    """The values, with '' for blank ones."""
    if not any(map(str.isspace, values)):
        return values
    return ["" if value.isspace() else value for value in values]


def _unless_how_sold(category: str) -> str:
    return "" if category.strip().casefold() in _HOW_SOLD else category


def _fill(fields: dict[str, Values], name: str, values: Values) -> Values:
    """Give a field these values where it has none yet, and return those that found none free."""
    before = fields.get(name)
    if before is None:
        fields[name] = values
        return ()
    pairs = list(zip(before, values, strict=True))
    fields[name] = [old or new for old, new in pairs]
    return [new if old else "" for old, new in pairs]
