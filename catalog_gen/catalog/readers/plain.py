"""A table of products that no platform claims: its columns are found by their names alone."""

from collections.abc import Callable
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming, snake_case
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.readers.reader import Reader, Understand
from catalog_gen.catalog.readers.record import Record, Skipped, Table
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
    "visible": "hidden",
    "is_visible": "hidden",
}


def if_for_sale() -> Callable[[Record], Record | Skipped]:
    """Records as they are, but for those whose state keeps them from sale."""
    places = ColumnPlans(_places)

    def understood(record: Record) -> Record | Skipped:
        found = places.of(record.names)
        why = _why(record, found) if found else ""
        return Skipped(record.line, why) if why else record

    return understood


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

    def understand(self, table: Table, naming: Naming) -> Understand:
        return if_for_sale()
