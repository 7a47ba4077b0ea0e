"""Validate records: each becomes a product, or a rejection with the first rule that it broke."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.field_columns import (
    FieldColumns,
    Values,
    by_record,
    cleaned,
    decoded,
    each_distinct,
    without_long,
)
from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.catalog.readers.record import Record, reject
from catalog_gen.catalog.text import clean_text, html_to_text
from catalog_gen.redaction import without_credentials
from catalog_gen.settings.feed import FeedSettings

MAX_ID: Final = 200

ID_MISSING: Final = "a product needs an id"
ID_LONG: Final = f"an id has at most {MAX_ID} characters"
ID_CONTROL: Final = "an id holds no control or invisible characters"
ID_TWICE: Final = "an id appears once; the feed's first row with it is kept"
TITLE_MISSING: Final = "a product needs a title"
FIELD_LONG: Final = "a field has at most {limit:,} characters (feed.max_field_length)"

#: Unicode categories: control, surrogate, format (bidirectional, zero-width), line separators.
_NOT_IN_IDS: Final = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
_TAXONOMY_NUMBER: Final = re.compile(r"\d+")


class Validator:
    """Validates one feed's records; remembers accepted ids to find duplicates."""

    def __init__(self, settings: FeedSettings, naming: Naming) -> None:
        self._limit = settings.max_field_length
        self._naming = naming
        self._seen: set[str] = set()

    def judge(self, records: Sequence[Record]) -> list[Product | Rejection]:
        """Products with clean fields, or rejections that name field, value and rule.

        They are in the records' order. A thousand records at once take a third of the time that
        they take one by one. Credentials in URLs are removed, since products end up in rows, logs
        and exports.
        """
        products: dict[int, Product] = {}
        long: set[int] = set()
        for places, columns in self._columns(records):
            products.update(zip(places, self._products(columns, len(places)), strict=True))
            if columns.longest > self._limit:
                long.update(places)
        return [
            self._judge(record, products[place], place in long)
            for place, record in enumerate(records)
        ]

    def raw(self, records: Sequence[Record]) -> list[dict[str, str]]:
        """The core fields as the feed has them: HTML descriptions, whole category paths."""
        fields: dict[int, dict[str, str]] = {}
        for places, columns in self._columns(records):
            fields.update(zip(places, by_record(columns.core, len(places)), strict=True))
        return [fields[place] for place in range(len(records))]

    def _columns(self, records: Sequence[Record]) -> Iterator[tuple[list[int], FieldColumns]]:
        """The records with the same names as columns, with their places."""
        places: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            places[record.names].append(place)
        for names, own in places.items():
            alike = [records[place] for place in own]
            yield own, FieldColumns.of(alike, self._naming.plan(names), self._limit)

    def _products(self, columns: FieldColumns, count: int) -> Iterator[Product]:
        """The records as products, of which some may break a rule."""
        none = [""] * count

        def raw(field: str) -> Values:
            return without_long(columns.core.get(field, none), self._limit)

        return map(
            Product,
            map(_clean_id, columns.core.get("product_id", none)),
            cleaned(raw("title"), _clean_markup),
            each_distinct(leaf_category, raw("category")),
            cleaned(raw("description"), _clean_markup),
            cleaned(raw("group_id"), clean_text),
            cleaned(raw("reference"), _clean_reference),
            by_record(columns.attributes, count),
        )

    def _judge(self, record: Record, product: Product, long: bool) -> Product | Rejection:
        product_id = product.product_id
        rejection = self._judge_id(record.line, product_id)
        if rejection is None and long:
            rejection = self._judge_lengths(record, product_id)
        if rejection is not None:
            return rejection
        if not product.title:
            (raw,) = self.raw([record])
            return reject(record.line, "title", raw.get("title", ""), TITLE_MISSING, product_id)
        self._seen.add(product_id)
        return product

    def _judge_id(self, line: int, product_id: str) -> Rejection | None:
        if not product_id:
            return reject(line, "product_id", product_id, ID_MISSING)
        if len(product_id) > MAX_ID:
            return reject(line, "product_id", product_id, ID_LONG, product_id)
        if not product_id.isprintable() and any(
            unicodedata.category(each) in _NOT_IN_IDS for each in product_id
        ):
            return reject(line, "product_id", product_id, ID_CONTROL, product_id)
        if product_id in self._seen:
            return reject(line, "product_id", product_id, ID_TWICE, product_id)
        return None

    def _judge_lengths(self, record: Record, product_id: str) -> Rejection | None:
        limit = self._limit
        if max(map(len, record.values), default=0) <= limit:
            return None
        for name, value in zip(record.names, record.values, strict=True):
            if len(value) > limit:
                rule = FIELD_LONG.format(limit=limit)
                return reject(record.line, clean_text(name[:100]), value, rule, product_id)
        return None


def _clean_id(value: str) -> str:
    return unicodedata.normalize("NFC", value.strip())


def _clean_markup(value: str) -> str:
    return without_credentials(html_to_text(value))


def _clean_reference(value: str) -> str:
    return without_credentials(value.strip())


@lru_cache(maxsize=1024)
def leaf_category(path: str) -> str:
    """The last part of "A > B > C"; '' for a bare number of Google's taxonomy, which means nothing.

    Of several paths ("Sale|Kitchen > Mugs") it is the deepest one's.

    >>> leaf_category("Home > Kitchen > Mugs")
    'Mugs'
    """
    paths = [
        [text for part in each.split(">") if (text := clean_text(part))]
        for each in decoded(path).split("|")
    ]
    deepest = max(paths, key=len)
    leaf = deepest[-1] if deepest else ""
    return "" if _TAXONOMY_NUMBER.fullmatch(leaf) else leaf
