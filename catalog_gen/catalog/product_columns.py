"""Products as columns: a million of them without a Python object for each."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, overload

import pyarrow as pa
import pyarrow.compute as pc

from catalog_gen.arrow_text import (
    TEXT,
    TEXT_MAP,
    int_array,
    maps_of_columns,
    text_array,
    text_maps,
)
from catalog_gen.catalog.product import CORE_FIELDS, Product

ATTRIBUTES: Final = "attributes"
SCHEMA: Final = pa.schema([*((name, TEXT) for name in CORE_FIELDS), (ATTRIBUTES, TEXT_MAP)])

#: Products that are made at a time when they are gone through.
_MADE: Final = 10_000


class Products(Sequence[Product]):
    """A sequence of products whose ``table`` has a column for each field of ``Product``.

    They are made when they are looked at. The strings of a million take a sixth of the memory of
    as many objects, and DuckDB reads them as they are.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table: Final = table

    @classmethod
    def of(cls, products: Iterable[Product]) -> "Products":
        """The same products as columns."""
        if isinstance(products, Products):
            return products
        stream = iter(products)
        batches = []
        while rows := list(islice(stream, _MADE)):
            core = [text_array([getattr(each, name) for each in rows]) for name in CORE_FIELDS]
            batches.append(_batch(core, text_maps([each.attributes for each in rows])))
        return cls(pa.Table.from_batches(batches, SCHEMA))

    @classmethod
    def of_columns(
        cls, core: Sequence[Sequence[str]], attributes: Mapping[str, Sequence[str]], count: int
    ) -> "Products":
        """Products of the values of the core fields, and of attributes, '' where one has none."""
        batch = _batch(list(map(text_array, core)), maps_of_columns(attributes, count))
        return cls(pa.Table.from_batches([batch]))

    @classmethod
    def joined(cls, parts: Sequence["Products"]) -> "Products":
        """All parts' products, in their order."""
        return cls(pa.concat_tables([cls.of(()).table, *(each.table for each in parts)]))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Product: ...
    @overload
    def __getitem__(self, index: slice) -> "Products": ...
    def __getitem__(self, index: int | slice) -> "Product | Products":
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        (product,) = self.take([range(len(self))[index]])
        return product

    def __iter__(self) -> Iterator[Product]:
        for batch in self.table.to_batches(_MADE):
            *core, attributes = (column.to_pylist() for column in batch.columns)
            yield from map(Product, *core, map(dict, attributes))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Products):
            return NotImplemented
        return bool(self.table.equals(other.table))

    __hash__ = None  # type: ignore[assignment]

    def column(self, field: str) -> pa.ChunkedArray:
        """A field's texts: a core field's, or an attribute's with null where there is none."""
        if field in CORE_FIELDS:
            return self.table[field]
        (key,) = text_array([field])
        return pc.map_lookup(self.table[ATTRIBUTES], key, "first")

    def having(self, field: str) -> pa.ChunkedArray:
        """Whether they have such a text, as an array of booleans."""
        (nothing,) = text_array([""])
        texts = self.column(field)
        return pc.and_kleene(pc.is_valid(texts), pc.not_equal(texts, nothing))

    def attribute_names(self) -> set[str]:
        """The names of the attributes that any product has."""
        chunks = (chunk.keys.unique().to_pylist() for chunk in self.table[ATTRIBUTES].chunks)
        return set(chain.from_iterable(chunks))

    def take(self, places: Collection[int]) -> "Products":
        """Those at these places, in their order."""
        return Products(self.table.take(int_array(list(places))))

    def only(self, kept: Any) -> "Products":
        """Those where an array of booleans, equally long, is true."""
        return Products(self.table.filter(kept))

    def changed(self, where: Any, change: Callable[[Product], Product]) -> "Products":
        """The products with those changed for which an array of booleans is true."""
        if not pc.any(where).as_py():
            return self
        others = pc.invert(where)
        changed = Products.of(map(change, self.only(where)))
        places = pc.indices_nonzero(others).to_pylist() + pc.indices_nonzero(where).to_pylist()
        return Products.joined([self.only(others), changed]).take(order_of(places))


def order_of(places: Sequence[int]) -> list[int]:
    """The indices that bring items back into their order: each is at one of these places there."""
    return sorted(range(len(places)), key=places.__getitem__)


def _batch(core: Sequence[pa.Array], attributes: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*core, attributes], schema=SCHEMA)
