"""Google Merchant feeds: RSS 2.0 items or Atom entries with ``g:`` fields.

Source of the vocabulary: Google's product data specification, namespace
http://base.google.com/ns/1.0. No tree is built, so memory is bounded by one item, and document
type declarations (entities, external files) are refused. XML that is not well-formed can't be read
beyond the error (XML 1.0, section 1.2), so the whole feed fails: keeping only the first part would
retire the remaining products.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from catalog_gen.catalog.readers.lines import MAX_LINE
from catalog_gen.catalog.readers.record import MAX_FIELDS, RawRow, Record, reject
from catalog_gen.catalog.readers.source import FeedSource
from catalog_gen.errors import FeedError

GOOGLE: Final = "{http://base.google.com/ns/1.0}"
MAX_DEPTH: Final = 64

#: Fields of several parts, in the order in which Google's text feeds write them.
COMPOSED: Final = {
    "g:shipping": ("country", "region", "service", "price"),
    "g:tax": ("country", "region", "rate", "tax_ship"),
    "g:product_detail": ("section_name", "attribute_name", "attribute_value"),
    "g:installment": ("months", "amount"),
    "g:subscription_cost": ("period", "period_length", "amount"),
    "g:certification": ("certification_authority", "certification_name", "certification_code"),
}
_BLOCK: Final = 64 * 1024
#: Maximum size of a tag or attribute, which the parser has to buffer.
_MAX_TOKEN: Final = 4 * MAX_LINE
_DECLARED: Final = re.compile(rb"""^[^<]*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]{1,40})["']""")


def xml_encoding(source: FeedSource) -> str:
    """The encoding that the XML declaration or a byte order mark names; UTF-8 otherwise."""
    if source.head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in source.head[:4]:
        return "utf-16"
    declared = _DECLARED.match(source.head)
    return declared[1].decode("ascii").lower() if declared else "utf-8"


def read_google_xml(source: FeedSource) -> Iterator[RawRow]:
    """A record for each item, with repeated fields joined by ", ".

    Raises:
        FeedError: the XML is not well-formed, contains a DTD, or exceeds the limits.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    target = _Items(str(source.path))
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    target.expat = parser.parser
    fed = 0
    try:
        with source.open() as stream:
            while block := stream.read(_BLOCK):
                parser.feed(block)
                fed += len(block)
                if fed - parser.parser.CurrentByteIndex > _MAX_TOKEN:
                    rule = f"holds a tag longer than {_MAX_TOKEN:,} bytes"
                    raise FeedError(str(source.path), rule, "Correct the XML.")
                yield from target.take()
            parser.close()
        target.require_items()
    except DefusedXmlException as error:
        rule = f"holds a document type or entity declaration ({type(error).__name__})"
        raise FeedError(str(source.path), rule, "Delete the <!DOCTYPE ...>.") from error
    except (ParseError, LookupError, ValueError) as error:
        rule = f"is not well-formed XML ({error})"
        raise FeedError(str(source.path), rule, "Correct the XML, or export it again.") from error
    yield from target.take()


class _Items:
    """The parser's target: collects the fields of the current item."""

    def __init__(self, path: str) -> None:
        self.expat: Any = None
        self._path = path
        self._done: deque[RawRow] = deque()
        self._depth = 0
        self._item_depth = 0
        self._fields: dict[str, list[str]] = {}
        self._names: list[str] = []
        self._texts: list[list[str]] = []
        self._parts: dict[str, str] = {}
        self._line = 0
        self._size = 0
        self._count = 0
        self._root = ""
        self._opened = False

    def take(self) -> Iterator[RawRow]:
        while self._done:
            yield self._done.popleft()

    def require_items(self) -> None:
        """Refuse XML that is not a feed; a feed may be empty.

        Raises:
            FeedError: the root element is not a feed's, and it contains no item.
        """
        if not self._opened and self._root not in ("rss", "feed", "RDF"):
            raise FeedError(
                self._path,
                f"has no <item> or <entry>, and <{self._root}> is not an RSS or Atom feed",
                "Export it as Google Merchant XML, CSV, TSV, JSONL or Parquet.",
            )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeedError(
                self._path, f"nests deeper than {MAX_DEPTH} elements", "Correct the XML."
            )
        name = _field_name(tag)
        if self._depth == 1:
            self._root = name
        if not self._item_depth:
            if name in ("item", "entry"):
                self._opened = True
                self._item_depth = self._depth
                self._line = self.expat.CurrentLineNumber
                self._fields, self._size, self._count = {}, 0, 0
            return
        if not self._names:
            self._parts = {}
        if self._names and name.startswith("g:"):
            name = f"{self._names[-1]}_{name.removeprefix('g:')}"  # g:shipping/g:price
        elif self._names:
            name = self._names[-1]  # markup inside a description
        self._names.append(name)
        self._texts.append([])
        # Of Atom's links only the product's page, not its PDF or the feed itself.
        alternate = attributes.get("rel", "alternate") == "alternate"
        if name == "link" and alternate and "href" in attributes:
            self.data(attributes["href"])

    def data(self, text: str) -> None:
        if self._texts:
            self._size += len(text)
            if self._size <= MAX_LINE:
                self._texts[-1].append(text)

    def end(self, tag: str) -> None:
        if self._item_depth == self._depth:
            self._item_depth = 0
            self._done.append(self._row())
        elif self._names:
            name = self._names.pop()
            text = "".join(self._texts.pop()).strip()
            self._count += 1
            if not self._names and name in COMPOSED:
                text = ":".join(self._parts.get(part, "") for part in COMPOSED[name])
            elif len(self._names) == 1:
                self._parts[name.removeprefix(f"{self._names[0]}_")] = text
            if self._names and self._names[-1] == name:
                self._texts[-1].append(f" {text} ")
            elif text and self._count <= MAX_FIELDS:
                self._fields.setdefault(name, []).append(text)
        self._depth -= 1

    def close(self) -> None:
        return None

    def _row(self) -> RawRow:
        if self._size > MAX_LINE:
            return reject(self._line, "", "", f"the item is longer than {MAX_LINE:,} characters")
        if self._count > MAX_FIELDS:
            return reject(self._line, "", "", f"the item has more than {MAX_FIELDS:,} fields")
        # g:title before title: Google's field is meant for the product, RSS's for feed readers.
        names = tuple(sorted(self._fields, key=lambda name: not name.startswith("g:")))
        return Record(self._line, names, [_joined(name, self._fields[name]) for name in names])


def _joined(name: str, values: list[str]) -> str:
    """Join repeated fields; of several category paths, keep the first, the main one."""
    if name.removeprefix("g:") in ("product_type", "google_product_category"):
        return values[0]
    return ", ".join(values)


def _field_name(tag: str) -> str:
    if tag.startswith(GOOGLE):
        return f"g:{tag.removeprefix(GOOGLE)}"
    return tag.rpartition("}")[2]
