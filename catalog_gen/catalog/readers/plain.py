"""A table of products that no platform claims: its columns are found by their names alone."""

from collections.abc import Iterator
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming, snake_case
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.readers.reader import Reader
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import is_no, not_for_sale

#: Columns with a word for the product's state.
STATUS_COLUMNS: Final = frozenset({"status", "state", "product_status", "visibility"})
#: Columns that say yes or no, and what a "no" is counted as.
SWITCHES: Final = {
    "published": "unpublished",
    "is_published": "unpublished",
    "active": "disabled",
    "is_active": "disabled",
    "enabled": "disabled",
    "is_enabled": "disabled",
}


def rows_for_sale(table: Table) -> Iterator[Row]:
    """The rows as they are, but for those whose state keeps them from sale."""
    places = ColumnPlans(_places)
    for row in table.read():
        if isinstance(row, Record):
            found = places.of(row.names)
            if found and (why := _why(row, found)):
                yield Skipped(row.line, why)
                continue
        yield row


def _places(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """The columns about a row's state, with what a "no" there is counted as."""
    return [
        (index, SWITCHES.get(name, ""))
        for index, name in enumerate(map(snake_case, names))
        if name in SWITCHES or name in STATUS_COLUMNS
    ]


def _why(record: Record, places: list[tuple[int, str]]) -> str:
    for index, off in places:
        value = record.values[index]
        if value and (why := not_for_sale(value) or (off if is_no(value) else "")):
            return why
    return ""


class Plain(Reader):
    """Any table with ids and titles; ``aliases`` knows the spellings, the settings know more."""

    title: ClassVar = "a plain table"
    marks: ClassVar = frozenset()
    columns: ClassVar = {}

    def score(self, names: frozenset[str]) -> int:
        """Never claims a header: it is taken where no platform does, and ids and titles are."""
        return 0

    def rows(self, table: Table, naming: Naming) -> Iterator[Row]:
        return rows_for_sale(table)
