"""Validate a record: it becomes a product, or a rejection with the first rule that it broke."""

import html
import re
import unicodedata
from functools import lru_cache
from typing import Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.product import CORE_FIELDS, Product, Rejection
from catalog_gen.catalog.readers.record import Record, reject
from catalog_gen.catalog.text import clean_text, html_to_text
from catalog_gen.redaction import without_credentials
from catalog_gen.settings import FeedSettings

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


class Validator:
    """Validates one feed's records; remembers accepted ids to find duplicates."""

    def __init__(self, settings: FeedSettings, naming: Naming) -> None:
        self._limit = settings.max_field_length
        self._naming = naming
        self._seen: set[str] = set()

    def judge(self, record: Record) -> Product | Rejection:
        """A product with clean fields, or a rejection that names field, value and rule.

        Credentials in URLs are removed, since products end up in rows, logs and exports.
        """
        core, attributes = self._fields(record)
        product_id = unicodedata.normalize("NFC", core.get("product_id", "").strip())
        rejection = self._judge_id(record.line, product_id) or self._judge_lengths(
            record, product_id
        )
        if rejection is not None:
            return rejection
        title = without_credentials(html_to_text(core.get("title", "")))
        if not title:
            return reject(record.line, "title", core.get("title", ""), TITLE_MISSING, product_id)
        self._seen.add(product_id)
        return Product(
            product_id=product_id,
            title=title,
            category=leaf_category(core.get("category", "")),
            description=without_credentials(html_to_text(core.get("description", ""))),
            group_id=clean_text(core.get("group_id", "")),
            reference=without_credentials(core.get("reference", "").strip()),
            attributes=attributes,
        )

    def raw(self, record: Record) -> dict[str, str]:
        """The core fields as the feed has them: HTML descriptions, whole category paths."""
        return self._fields(record)[0]

    def _fields(self, record: Record) -> tuple[dict[str, str], dict[str, str]]:
        """Raw core fields and clean attributes; overlong values stay raw and are rejected next."""
        core: dict[str, str] = {}
        attributes: dict[str, str] = {}
        values = record.values
        for column in self._naming.plan(record.names):
            value = values[column.index]
            if not value or value.isspace():
                continue
            if column.field == "category" and value.strip().casefold() in _HOW_SOLD:
                continue
            if column.field in _CORE and column.field not in core:
                core[column.field] = value
                continue
            if core.get(column.field) == value:
                continue
            name = column.field
            if name in _CORE or name in attributes:
                name = column.own
            if name in attributes or name in _CORE or len(value) > self._limit:
                continue
            if cleaned := _clean(value):
                attributes[name] = cleaned
        return core, attributes

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


def _clean(value: str) -> str:
    """An attribute's text: one line, without entities and credentials."""
    if value.isascii() and value.isprintable() and not ("&" in value or ":/" in value):
        return " ".join(value.split()) if "  " in value else value.strip()
    return without_credentials(clean_text(_decoded(value)))


def _decoded(value: str) -> str:
    """Decode ``&amp;`` and other entities; a URL keeps ``&copy=1``."""
    if "&" not in value or ";" not in value:
        return value
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), value)


@lru_cache(maxsize=1024)
def leaf_category(path: str) -> str:
    """The last part of "A > B > C"; '' for a bare number of Google's taxonomy, which means nothing.

    Of several paths ("Sale|Kitchen > Mugs") it is the deepest one's.

    >>> leaf_category("Home > Kitchen > Mugs")
    'Mugs'
    """
    paths = [
        [text for part in each.split(">") if (text := clean_text(part))]
        for each in _decoded(path).split("|")
    ]
    deepest = max(paths, key=len)
    leaf = deepest[-1] if deepest else ""
    return "" if _TAXONOMY_NUMBER.fullmatch(leaf) else leaf
