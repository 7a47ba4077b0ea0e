"""Validate records: each becomes a product, or a rejection with the first rule that it broke.

Records are cleaned and judged many at a time, column by column; only where a look at all of them
finds that some may break a rule are they gone through one by one.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from catalog_gen.arrow_text import bool_array
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
from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.product_columns import Products, order_of
from catalog_gen.catalog.readers.record import Block, Record, reject
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
_SPACE: Final = re.compile(r"\s")
_TAXONOMY_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Judged:
    """The products among some records, in their order, and why the others are none, by place."""

    products: Products
    refused: Mapping[int, Rejection]


class Validator:
    """Validates one feed's records; remembers accepted ids to find duplicates."""

    def __init__(self, settings: FeedSettings, naming: Naming) -> None:
        self._limit = settings.max_field_length
        self._naming = naming
        self._seen: set[str] = set()

    def judge(self, records: Sequence[Record]) -> Judged:
        """Products with clean fields, or rejections that name field, value and rule.

        A thousand records at once take a tenth of the time that they take one by one. Credentials
        in URLs are removed, since products end up in rows, logs and exports.
        """
        blocks = list(_blocks(records))
        if len(blocks) == 1:
            return self.judge_block(blocks[0][1])
        back = order_of([place for own, _ in blocks for place in own])
        clean = [self._clean(block) for _, block in blocks]
        products = Products.joined([each.products for each in clean]).take(back)
        longest = max((each.longest for each in clean), default=0)
        ids = [product_id for each in clean for product_id in each.product_ids]
        titles = [title for each in clean for title in each.titles]
        together = _Clean(
            products, [ids[place] for place in back], [titles[place] for place in back], longest
        )
        return self._judged(together, lambda: records)

    def judge_block(self, block: Block) -> Judged:
        """The same for records that have the same names."""
        return self._judged(self._clean(block), lambda: list(block.records()))

    def raw(self, records: Sequence[Record]) -> list[dict[str, str]]:
        """The core fields as the feed has them: HTML descriptions, whole category paths."""
        fields: dict[int, dict[str, str]] = {}
        for places, block in _blocks(records):
            columns = self._columns(block)
            fields.update(zip(places, by_record(columns.core, len(places)), strict=True))
        return [fields[place] for place in range(len(records))]

    def _columns(self, block: Block) -> FieldColumns:
        return FieldColumns.of(block.columns, self._naming.plan(block.names), self._limit)

    def _clean(self, block: Block) -> "_Clean":
        columns, count = self._columns(block), len(block)
        none = [""] * count

        def raw(field: str) -> Values:
            return without_long(columns.core.get(field, none), self._limit)

        product_ids = _cleaned_ids(columns.core.get("product_id", none))
        titles = cleaned(raw("title"), _clean_markup)
        core = (
            product_ids,
            titles,
            each_distinct(leaf_category, raw("category")),
            cleaned(raw("description"), _clean_markup),
            cleaned(raw("group_id"), clean_text),
            cleaned(raw("reference"), _clean_reference),
        )
        products = Products.of_columns(core, columns.attributes, count)
        return _Clean(products, product_ids, titles, columns.longest)

    def _judged(self, clean: "_Clean", records: Callable[[], Sequence[Record]]) -> Judged:
        if self._are_fine(clean):
            self._seen.update(clean.product_ids)
            return Judged(clean.products, {})
        refused: dict[int, Rejection] = {}
        long = clean.longest > self._limit
        rows = zip(records(), clean.product_ids, clean.titles, strict=True)
        for place, (record, product_id, title) in enumerate(rows):
            rejection = self._judge(record, product_id, title, long)
            if rejection is None:
                self._seen.add(product_id)
            else:
                refused[place] = rejection
        kept = [place not in refused for place in range(len(clean.product_ids))]
        return Judged(clean.products.only(bool_array(kept)), refused)

    def _are_fine(self, clean: "_Clean") -> bool:
        """Whether all records are products, as far as a look at all of them at once can say."""
        ids, own = clean.product_ids, set(clean.product_ids)
        return (
            clean.longest <= self._limit
            and all(clean.titles)
            and all(ids)
            and max(map(len, ids), default=0) <= MAX_ID
            and "".join(ids).isprintable()
            and len(own) == len(ids)
            and self._seen.isdisjoint(own)
        )

    def _judge(self, record: Record, product_id: str, title: str, long: bool) -> Rejection | None:
        """The first rule that a record broke.

        Args:
            long: whether it may have too long a field.
        """
        rejection = self._judge_id(record.line, product_id)
        if rejection is None and long:
            rejection = self._judge_lengths(record, product_id)
        if rejection is None and not title:
            (raw,) = self.raw([record])
            return reject(record.line, "title", raw.get("title", ""), TITLE_MISSING, product_id)
        return rejection

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


@dataclass(frozen=True, slots=True)
class _Clean:
    """Records as products, of which some may break a rule; ``longest`` as in ``FieldColumns``."""

    products: Products
    product_ids: Sequence[str]
    titles: Sequence[str]
    longest: int


def _blocks(records: Sequence[Record]) -> Iterator[tuple[list[int], Block]]:
    """The records with the same names, with their places."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        places[record.names].append(place)
    for names, own in places.items():
        alike = [records[place] for place in own]
        columns = list(zip(*(each.values for each in alike), strict=True))
        yield own, Block(names, [each.line for each in alike], columns)


def _cleaned_ids(ids: Values) -> Values:
    """Ids in NFC, without spaces at their edges: most have neither."""
    text = "".join(ids)
    needless = text.isascii() and not _SPACE.search(text)
    return ids if needless else list(map(_clean_id, ids))


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
