"""WooCommerce's product CSV: variable products, and variations that name them as ``Parent``.

A variation inherits category, brand and description from its parent, which it names by SKU or as
``id:90`` and which may be anywhere in the file. Attributes are numbered pairs of a name and a
value. The exporter writes its headers in the shop's language; besides English, this reader knows
German, French, Spanish, Italian, Dutch, Polish, Portuguese, Swedish, Danish and Czech. A variable
product whose variations are not in the file is a product itself.

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

#: "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible" and the like, in any language.
_OF_ATTRIBUTE: Final = re.compile(
    r"(?!meta:)(?=.*(?:att?r[iy]bu|атрибут|egenskap|vlastnost|tulajdons|nitelik|ominaisuu))\D*(\d+)\D*"
)
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
            # pl, pt, sv, da, cs
            *("widoczność w katalogu", "cena regularna", "nazwa atrybutu 1", "status podatku"),
            *("visibilidade no catálogo", "nome do atributo 1", "em destaque?", "em estoque?"),
            *("preço promocional", "preço normal", "status do imposto", "está em destaque?"),
            *("synlighet i katalog", "ordinarie pris", "attribut 1 namn", "momsstatus"),
            *("synlighed i katalog", "normalpris", "attribut 1 navn", "momsstatus", "på lager?"),
            *("viditelnost v katalogu", "běžná cena", "název vlastnosti 1", "stav daně"),
        }
    )
    columns: ClassVar = {
        "product_id": ("id",),
        "sku": (
            "sku",
            "artikelnummer",
            "ugs",
            "cod",
            "art. nr.",
            "ref",
            "varenummer",
            "katalogové číslo",
        ),
        "_type": ("type", "typ", "tipo", "rodzaj"),
        "title": (
            "name",
            "nom",
            "nombre",
            "nome",
            "naam",
            "nazwa",
            "namn",
            "navn",
            "jméno",
            "název",
        ),
        "_published": (
            *("published", "veröffentlicht", "publié", "publicado", "pubblicato", "gepubliceerd"),
            *("opublikowano", "opublikowane", "publicerad", "udgivet", "publikováno", "zveřejněno"),
        ),
        "_visibility": (
            *("visibility in catalog", "sichtbarkeit im katalog", "visibilité dans le catalogue"),
            *("visibilidad en el catálogo", "visibilità nel catalogo"),
            *("zichtbaarheid in catalogus",),
            *("widoczność w katalogu", "visibilidade no catálogo", "synlighet i katalog"),
            *("synlighed i katalog", "viditelnost v katalogu"),
        ),
        "_short": (
            *("short description", "kurzbeschreibung", "description courte", "descripción corta"),
            *("breve descrizione", "korte beschrijving"),
            *("krótki opis", "descrição curta", "kort beskrivning", "kort beskrivelse"),
            *("krátký popis",),
        ),
        "description": (
            *("description", "beschreibung", "descripción", "descrizione", "beschrijving"),
            *("opis", "descrição", "beskrivning", "beskrivelse", "popis"),
        ),
        "_in_stock": (
            *("in stock?", "vorrätig?", "auf lager?", "en stock ?", "¿existencias?"),
            *("¿en inventario?", "op voorraad?"),
            *("¿hay existencias?", "in stock ?", "na stanie?", "em estoque?", "i lager?"),
            *("på lager?", "skladem?"),
        ),
        "stock": ("stock", "lager", "bestand", "inventario", "magazzino", "voorraad"),
        "sale_price": (
            *("sale price", "angebotspreis", "tarif promo", "precio rebajado"),
            *("prezzo in offerta", "actieprijs"),
            *("cena promocyjna", "preço promocional", "reapris", "tilbudspris", "zlevněná cena"),
        ),
        "price": (
            *("regular price", "regulärer preis", "tarif régulier", "precio normal"),
            *("prezzo di listino", "reguliere prijs"),
            *("cena regularna", "preço", "preço normal", "ordinarie pris", "normalpris"),
            *("běžná cena",),
        ),
        "_categories": (
            *("categories", "kategorien", "catégories", "categorías", "categorie", "categorieën"),
            *("kategorie", "categorias", "kategorier"),
        ),
        "tags": (
            "tags",
            "schlagwörter",
            "étiquettes",
            "etiquetas",
            "tag",
            "znaczniki",
            "etiketter",
        ),
        "_images": (
            *("images", "bilder", "imágenes", "immagini", "immagine", "afbeeldingen"),
            *("obrazki", "imagens", "billeder", "obrázky"),
        ),
        "_parent": (
            *("parent", "übergeordnet", "übergeordnetes produkt", "superior", "genitore", "hoofd"),
            *("nadrzędny", "ascendente", "överordnad", "forælder", "overordnet", "rodič"),
            *("nadřazený",),
        ),
        "brand": ("brands", "brand", "marken", "marques", "marcas", "marchi", "merken"),
        "gtin": tuple(
            f"gtin, upc, ean{word}isbn"
            for word in (", or ", " oder ", ", oder ", " ou ", " o ", " of ", " lub ", " eller ")
        ),
        "link": ("external url",),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(names) if names & {"sku", "id", "artikelnummer", "ugs"} else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        pairs = tuple(name for name in map(fold, table.names) if _OF_ATTRIBUTE.fullmatch(name))
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
    """The columns of attribute names and values.

    The exporter writes the name first and the value second, whatever it calls them.
    """
    found: dict[str, list[int]] = {}
    for index, name in enumerate(map(fold, names)):
        if match := _OF_ATTRIBUTE.fullmatch(name):
            found.setdefault(match[1], []).append(index)
    return [(columns[0], columns[1]) for columns in found.values() if len(columns) > 1]


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
    chosen = dict(attributes)
    if parent is not None:
        for name in _INHERITED:
            if name in parent.fields:
                own.setdefault(name, parent.fields[name])
        # What varies comes from the variation, the rest from the parent.
        for name, value in parent.attributes.items():
            if name not in chosen or (not chosen[name] and "," not in value):
                chosen[name] = value
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
    for name, value in chosen.items():
        if value:
            named.setdefault(name, value)
    for name, value in own.items():
        named.setdefault(name, value)
    return named
