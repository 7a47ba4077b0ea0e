"""WooCommerce's product CSV: variable products, and variations that name them as ``Parent``.

A variation inherits category, brand and description from its parent, which it names by SKU or as
``id:90`` and which may be anywhere in the file. Attributes are numbered pairs of a name and a
value. The exporter writes its headers in the shop's language; besides English, this reader knows
German, French, Spanish, Italian and Dutch. A variable product whose variations are not in the file
is a product itself.

Source: https://woocommerce.com/document/product-csv-importer-exporter/ and the schema on
https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.readers.reader import (
    Reader,
    Translation,
    Understand,
    fold,
    main_path,
    record_of,
    unescaped_split,
    without_entities,
)
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table

_ATTRIBUTE_NAME: Final = re.compile(
    r"attribute (\d+) name|attribut (\d+) name|name des attributs (\d+)|"
    r"nom de l'attribut (\d+)|nombre del atributo (\d+)|nome dell'attributo (\d+)|"
    r"nome do atributo (\d+)|naam attribuut (\d+)|attribuut (\d+) naam"
)
_ATTRIBUTE_VALUE: Final = re.compile(
    r"attribute (\d+) value\(s\)|attribut (\d+) wert\(e\)|wert\(e\) des attributs (\d+)|"
    r"valeur\(s\) de l'attribut (\d+)|valor\(es\) del atributo (\d+)|"
    r"valor[ei] dell'attributo (\d+)|valor\(es\) do atributo (\d+)|"
    r"waarde\(n\) (?:van )?attribuut (\d+)|attribuut (\d+) waarde\(n\)"
)
#: These and related columns ("Attribute 1 visible"), which do not describe the product.
_OF_ATTRIBUTE: Final = re.compile(r"att?ribut\w* \d|attributo? \d|\d .*att?ribut")
_PARENTS: Final = frozenset({"variable", "grouped"})
#: What a variation inherits from its parent where its own cell is empty.
_INHERITED: Final = ("title", "description", "_short", "product_type", "brand", "gender", "tags")


class WooCommerce(Reader):
    """WooCommerce's own exporter."""

    title: ClassVar = "WooCommerce"
    marks: ClassVar = frozenset(
        {
            *("visibility in catalog", "is featured?", "in stock?", "regular price"),
            *("attribute 1 name", "attribute 1 value(s)", "tax status", "sold individually?"),
            *("backorders allowed?", "low stock amount", "grouped products", "external url"),
            *("allow customer reviews?", "date sale price starts", "download limit"),
            # de, fr, es, it, nl
            *("sichtbarkeit im katalog", "regulärer preis", "attribut 1 name", "steuerstatus"),
            *("attribut 1 wert(e)", "ist hervorgehoben?", "ist empfohlen?", "vorrätig?"),
            *("auf lager?", "visibilité dans le catalogue", "tarif régulier", "en stock ?"),
            *("nom de l'attribut 1", "valeur(s) de l'attribut 1", "mis en avant ?"),
            *("visibilidad en el catálogo", "precio normal", "nombre del atributo 1"),
            *("valor(es) del atributo 1", "¿está destacado?", "¿existencias?"),
            *("visibilità nel catalogo", "prezzo di listino", "nome dell'attributo 1"),
            *("zichtbaarheid in catalogus", "reguliere prijs", "naam attribuut 1"),
        }
    )
    columns: ClassVar = {
        "product_id": ("id",),
        "sku": ("sku", "artikelnummer", "ugs", "cod", "art. nr."),
        "_type": ("type", "typ", "tipo"),
        "title": ("name", "nom", "nombre", "nome", "naam"),
        "_published": (
            *("published", "veröffentlicht", "publié", "publicado", "pubblicato", "gepubliceerd"),
        ),
        "_visibility": (
            *("visibility in catalog", "sichtbarkeit im katalog", "visibilité dans le catalogue"),
            *("visibilidad en el catálogo", "visibilità nel catalogo"),
            *("zichtbaarheid in catalogus",),
        ),
        "_short": (
            *("short description", "kurzbeschreibung", "description courte", "descripción corta"),
            *("breve descrizione", "korte beschrijving"),
        ),
        "description": (
            *("description", "beschreibung", "descripción", "descrizione", "beschrijving"),
        ),
        "_in_stock": (
            *("in stock?", "vorrätig?", "auf lager?", "en stock ?", "¿existencias?"),
            *("¿en inventario?", "op voorraad?"),
        ),
        "stock": ("stock", "lager", "bestand", "inventario", "magazzino", "voorraad"),
        "sale_price": (
            *("sale price", "angebotspreis", "tarif promo", "precio rebajado"),
            *("prezzo in offerta", "actieprijs"),
        ),
        "price": (
            *("regular price", "regulärer preis", "tarif régulier", "precio normal"),
            *("prezzo di listino", "reguliere prijs"),
        ),
        "_categories": (
            *("categories", "kategorien", "catégories", "categorías", "categorie", "categorieën"),
        ),
        "tags": ("tags", "schlagwörter", "étiquettes", "etiquetas", "tag"),
        "_images": ("images", "bilder", "imágenes", "immagini", "immagine", "afbeeldingen"),
        "_parent": (
            *("parent", "übergeordnet", "übergeordnetes produkt", "superior", "genitore", "hoofd"),
        ),
        "brand": ("brands", "brand", "marken", "marques", "marcas", "marchi", "merken"),
        "gtin": ("gtin, upc, ean, or isbn", "gtin, upc, ean, oder isbn", "gtin, upc, ean ou isbn"),
        "link": ("external url",),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(names) if names & {"sku", "id", "artikelnummer", "ugs"} else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        pairs = tuple(name for name in map(fold, table.names) if _OF_ATTRIBUTE.search(name))
        translation = Translation({**self.columns, "_attributes": pairs}, naming)
        attributes = _Attributes()
        parents = _Parents.of(table, translation, attributes)

        def understood(record: Record) -> Row:
            fields = translation.fields(record)
            parent = parents.get(fields.get("_parent", "")) if _is_variation(fields) else None
            if why := _why_not(fields) or (_why_not(parent.fields) if parent else ""):
                return Skipped(record.line, why)
            if _PARENTS & _types(fields) and parents.has_children(fields):
                return Skipped(record.line, "parent")
            return record_of(record.line, _product(fields, attributes.of(record), parent))

        return understood


@dataclass(frozen=True, slots=True)
class _Parent:
    """The fields of a product with variations, which they inherit."""

    fields: Mapping[str, str]
    attributes: Mapping[str, str]


class _Attributes:
    """The numbered pairs of attribute names and values."""

    def __init__(self) -> None:
        self._pairs = ColumnPlans(_pairs)

    def of(self, record: Record) -> dict[str, str]:
        """Attribute values by name; "" where the row leaves an attribute open ("any")."""
        values = record.values
        return {
            name: _listed(values[value])
            for index, value in self._pairs.of(record.names)
            if (name := without_entities(values[index].strip()))
        }


def _listed(values: str) -> str:
    r"""An attribute's values as one text: "Paper \\, matte | Card" is "Paper, matte, Card"."""
    return (
        without_entities(values)
        .replace(" \\,", ",")
        .replace("\\,", ",")
        .replace(" | ", ", ")
        .strip()
    )


def _pairs(names: tuple[str, ...]) -> list[tuple[int, int]]:
    found: dict[str, list[int | None]] = {}
    for index, name in enumerate(map(fold, names)):
        for place, pattern in enumerate((_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE)):
            if match := pattern.fullmatch(name):
                found.setdefault(match[match.lastindex or 1], [None, None])[place] = index
    return [
        (name, value) for name, value in found.values() if name is not None and value is not None
    ]


@dataclass(slots=True)
class _Parents:
    """Products that have variations or members in the file, by SKU and by ``id:90``."""

    _known: dict[str, _Parent] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, table: Table, translation: Translation, attributes: _Attributes) -> "_Parents":
        parents = cls()
        for record in table.records():
            fields = translation.fields(record)
            if _is_variation(fields):
                parents._named.add(fields.get("_parent", ""))
            elif _PARENTS & _types(fields):
                parent = _Parent(_own_fields(fields), attributes.of(record))
                for key in _keys(fields):
                    parents._known[key] = parent
        return parents

    def get(self, name: str) -> _Parent | None:
        return self._known.get(name)

    def has_children(self, fields: Mapping[str, str]) -> bool:
        """Whether variations name it; the members of a grouped product are separate products."""
        return "grouped" in _types(fields) or not self._named.isdisjoint(_keys(fields))


def _keys(fields: Mapping[str, str]) -> tuple[str, ...]:
    keys = (fields.get("sku", ""), f"id:{fields['product_id']}" if "product_id" in fields else "")
    return tuple(key for key in keys if key)


def _types(fields: Mapping[str, str]) -> set[str]:
    return {part.strip() for part in fields.get("_type", "").casefold().split(",")}


def _is_variation(fields: Mapping[str, str]) -> bool:
    return "variation" in _types(fields)


def _why_not(fields: Mapping[str, str]) -> str:
    """Why a row is not for sale: published is 1, private 0 and draft -1."""
    published = fields.get("_published", "").casefold()
    return {"0": "private", "-1": "draft", "false": "draft", "no": "draft"}.get(published, "")


def _own_fields(fields: Mapping[str, str]) -> dict[str, str]:
    own = dict(fields)
    if paths := fields.get("_categories", ""):
        # A comma within a name is escaped. Entities are decoded first, as "&gt;" is a separator.
        listed = unescaped_split(without_entities(paths), ",")
        own["product_type"] = main_path(path.split(">") for path in listed)
    return own


def _product(
    fields: Mapping[str, str], attributes: Mapping[str, str], parent: _Parent | None
) -> dict[str, str]:
    own = _own_fields(fields)
    told = dict(attributes)
    if parent is not None:
        for name in _INHERITED:
            if name in parent.fields:
                own.setdefault(name, parent.fields[name])
        # What varies comes from the variation, the rest from the parent.
        for name, value in parent.attributes.items():
            if name not in told or (not told[name] and "," not in value):
                told[name] = value
    if "product_id" not in own and "sku" in own:
        own["product_id"] = own["sku"]
    if "_short" in own:
        own.setdefault("description", own["_short"])
    images = [each for each in re.split(r",\s*", own.get("_images", "")) if each]
    if images:
        own["image_link"] = images[0]
        own.setdefault("additional_image_link", ", ".join(images[1:]))
    if "_in_stock" in own:
        words = {"1": "in stock", "backorder": "backorder"}
        own["availability"] = words.get(own["_in_stock"].casefold(), "out of stock")
    shown = own
    if "_parent" in own:
        shown = dict(parent.fields) if parent else {}
        group = own["_parent"].removeprefix("id:")
        own["group_id"] = shown.get("sku") or group
    if "product_id" in shown:
        own["page"] = f"?post_type=product&p={shown['product_id']}"
    # Attributes come before the shop's other columns, so that the variation's colour is used.
    first = ("product_id", "title", "group_id")
    named = {name: own.pop(name) for name in first if name in own}
    for name, value in told.items():
        if value:
            named.setdefault(name, value)
    for name, value in own.items():
        named.setdefault(name, value)
    return named
