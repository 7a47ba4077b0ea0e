"""A table of products that no platform claims: its columns are recognised by name only."""

from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming, snake_case
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.readers.reader import Passing, Reader, Understand
from catalog_gen.catalog.readers.record import Block, Record, Skipped, Table
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


class IfForSale(Passing):
    """Records unchanged, except that those with a status not for sale are skipped."""

    def __init__(self) -> None:
        self._places = ColumnPlans(_places)

    def __call__(self, record: Record) -> Record | Skipped:
        for index, off in self._places.of(record.names):
            if why := _why(record.values[index], off):
                return Skipped(record.line, why)
        return record

    def passes(self, block: Block) -> bool:
        return not any(
            _why(value, off)
            for index, off in self._places.of(block.names)
            for value in set(block.columns[index])
        )


def _places(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """The status columns, with the reason under which a "no" is counted."""
    return [
        (index, SWITCHES.get(name, ""))
        for index, name in enumerate(map(snake_case, names))
        if name in SWITCHES or name in STATUS_COLUMNS
    ]


def _why(value: str, off: str) -> str:
    """Why a status is not for sale, '' if it is."""
    return value and (not_for_sale(value) or (off if is_no(value) else ""))


class Plain(Reader):
    """Any table with ids and titles, recognised by ``aliases`` and the user's settings."""

    title: ClassVar = "a plain table"
    marks: ClassVar = frozenset()
    columns: ClassVar = {}

    def score(self, names: frozenset[str]) -> int:
        """Always 0: this reader is used if no platform claims a header with ids and titles."""
        return 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        return IfForSale()
