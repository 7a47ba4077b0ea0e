"""The base class of the platform readers beside this file.

A reader recognises one platform's export by columns that only this platform has, and turns its rows
into records under this package's field names: variants with their options, without parents, drafts
and translations. It is registered by a line in ``pyproject.toml`` (group ``catalog_gen.readers``),
or by an entry point of another package.
"""

import html
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.readers.record import Block, RawRow, Record, Row, Table
from catalog_gen.registry import Registry

_SPACES: Final = re.compile(r"\s+")
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u02bc": "'", "\ufeff": None})
#: Categories that say nothing about the product.
_IDLE_CATEGORIES: Final = frozenset(
    {
        *("all", "all products", "default category", "root catalog", "root", "home", "shop"),
        *("shop all", "sale", "new", "new arrivals", "featured", "specials", "uncategorized"),
        *("uncategorised", "unkategorisiert", "non classé", "sin categoría", "accueil", "inicio"),
    }
)


#: What a record is; see ``Reader.understand``.
Understand = Callable[[Record], Row | None]


class Passing(ABC):
    """An ``Understand`` that takes most records as they are, and sees it from a whole block."""

    @abstractmethod
    def __call__(self, record: Record) -> Row | None:
        """What one record is."""

    @abstractmethod
    def passes(self, block: Block) -> bool:
        """Whether every record of the block is taken as it is."""


class Reader(ABC):
    """One platform's export.

    Attributes:
        title: the platform's name for people.
        marks: folded column names that this platform has and others don't.
        enough: how many of them a header must have.
        columns: the supported fields, with the platform's folded column names, best first. Fields
            that begin with "_" are internal to the reader. All other columns become attributes
            under their own names.
    """

    title: ClassVar[str]
    marks: ClassVar[frozenset[str]]
    enough: ClassVar[int] = 3
    columns: ClassVar[Mapping[str, tuple[str, ...]]]

    def score(self, names: frozenset[str]) -> int:
        """How well folded column names match this platform; 0 if they don't."""
        found = len(self.marks & names)
        return found if found >= self.enough else 0

    @abstractmethod
    def understand(self, table: Table, naming: Naming) -> Understand:
        """Look at a table as a whole, and return what each of its records is.

        A record of a product for sale, what is not for sale as ``Skipped`` with the reason, or None
        for a row that belongs to its neighbours and is not counted.
        """

    def rows(self, table: Table, naming: Naming) -> Iterator[Row]:
        """All rows of a table, understood; those that could not be read pass as they are."""
        return _understood(self.understand(table, naming), table.read())

    def blocks(self, table: Table, naming: Naming) -> Iterator[Block | Row]:
        """The same rows, many records at a time where they are taken as they are."""
        understand = self.understand(table, naming)
        for part in table.blocks():
            if not isinstance(part, Block):
                yield from _understood(understand, (part,))
            elif isinstance(understand, Passing) and understand.passes(part):
                yield part
            else:
                yield from _understood(understand, part.records())


def _understood(understand: Understand, rows: Iterable[RawRow]) -> Iterator[Row]:
    for row in rows:
        if isinstance(row, Rejection):
            yield row
        elif (understood := understand(row)) is not None:
            yield understood


READERS: Final[Registry[type[Reader]]] = Registry("reader", "catalog_gen.readers")


def fold(name: str) -> str:
    """A column's name for comparison: lower case, with one kind of space and of apostrophe."""
    return _SPACES.sub(" ", name.translate(_APOSTROPHES)).strip().casefold()


class Translation:
    """Maps a platform's columns to fields; the mapping is cached by the tuple of names."""

    def __init__(self, columns: Mapping[str, tuple[str, ...]], naming: Naming) -> None:
        self._targets = {
            spelling: (rank, field)
            for field, spellings in columns.items()
            for rank, spelling in enumerate(spellings)
        }
        self._naming = naming
        self._plans = ColumnPlans(self._columns)

    def fields(self, record: Record) -> dict[str, str]:
        """The non-empty cells by field, stripped; the best column's where there are several."""
        fields: dict[str, str] = {}
        values = record.values
        for index, field in self._plans.of(record.names):
            if (value := values[index].strip()) and field not in fields:
                fields[field] = value
        return fields

    def _columns(self, names: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
        """The place and field of each column; those in the user's aliases keep their own names."""
        ranked: list[tuple[int, int, str]] = []
        for index, name in enumerate(names):
            rank, field = self._targets.get(fold(name), (0, name))
            if self._naming.claims(name) and field != name:
                ranked.append((0, index, name))
            ranked.append((rank, index, field))
        ranked.sort(key=lambda column: column[0])
        return tuple((index, field) for _, index, field in ranked)


def record_of(line: int, fields: Mapping[str, str]) -> Record:
    """The fields as a record, without the reader's internal ones."""
    shown = {name: value for name, value in fields.items() if not name.startswith("_")}
    return Record(line, tuple(shown), list(shown.values()))


def without_entities(text: str) -> str:
    """Decode ``&amp;`` and other HTML entities."""
    return html.unescape(text) if "&" in text else text


def main_path(paths: Iterable[Iterable[str]]) -> str:
    """The most specific of several category paths, as "A > B > C".

    The deepest one, and of equally deep ones the first; '' where all say "Sale" or "All products".
    """
    best: list[str] = []
    for path in paths:
        parts = [part for each in path if (part := each.strip())]
        while parts and parts[0].casefold() in _IDLE_CATEGORIES:
            parts = parts[1:]
        if len(parts) > len(best) and parts[-1].casefold() not in _IDLE_CATEGORIES:
            best = parts
    return " > ".join(best)


def is_number(path: Iterable[str]) -> bool:
    """Whether a category path is a bare number: an id, which means nothing to a model."""
    return all(part.strip().isdecimal() for part in path)


def unescaped_split(text: str, separator: str) -> list[str]:
    r"""Split at separators that are not escaped by a backslash: "a\,b,c" is "a,b" and "c"."""
    parts = re.split(rf"(?<!\\){re.escape(separator)}", text)
    return [part.replace(f"\\{separator}", separator).strip() for part in parts]
