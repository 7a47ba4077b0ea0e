"""A table of products that no platform claims: its columns are recognised by name only."""

from collections.abc import Callable
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming, snake_case
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.readers.reader import Reader, Understand
from catalog_gen.catalog.readers.record import Record, Skipped, Table
from catalog_gen.catalog.readers.states import is_no, not_for_sale

#: Columns that give the product's status as a word.
STATUS_COLUMNS: Final = frozenset(
    {
        *("status", "state", "product_status", "visibility", "lifecycle_status", "publish_status"),
        *("listing_status", "item_status", "estado", "stato", "statut", "zustand"),
    }
)
#: Yes/no columns, and the reason under which a "no" is counted.
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
    """Records unchanged, except that those with a status not for sale are skipped."""
    places = ColumnPlans(_places)

    def understood(record: Record) -> Record | Skipped:
        found = places.of(record.names)
        why = _why(record, found) if found else ""
        return Skipped(record.line, why) if why else record

    return understood


def _places(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """The status columns, with the reason under which a "no" is counted."""
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
    """Any table with ids and titles, recognised by ``aliases`` and the user's settings."""

    title: ClassVar = "a plain table"
    marks: ClassVar = frozenset()
    columns: ClassVar = {}

    def score(self, names: frozenset[str]) -> int:
        """Always 0: this reader is used if no platform claims a header with ids and titles."""
        return 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        return if_for_sale()
