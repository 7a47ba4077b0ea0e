"""Map the columns of a feed to canonical field names.

Spelling ignores case, spaces, underscores, hyphens and a ``g:`` prefix. Where a feed has several
columns for one field, in every row the best one with a value fills it, and the others stay
attributes under their own names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from catalog_gen.catalog.column_plans import ColumnPlans
from catalog_gen.catalog.product import CORE_FIELDS

#: The spellings of each field, best first: ``product_type`` wins over ``google_product_category``.
SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "product_id": (
        *("product_id", "id", "sku", "item_id", "article_number", "handle", "product_number"),
        *("product_code", "artikelnummer", "artikel_nr", "referencia", "artikelnr", "артикул"),
    ),
    "title": (
        *("title", "name", "product_name", "product_title", "item_name"),
        *("titel", "produktname", "artikelname", "bezeichnung", "titre", "nom", "titulo", "título"),
        *("nombre", "titolo", "nome", "naam", "nazwa", "název", "név", "namn", "navn", "название"),
    ),
    "category": (
        *("product_type", "category", "product_category", "categories", "product_categories"),
        *("category_path", "google_product_category"),
        *("kategorie", "warengruppe", "catégorie", "categoría", "categoria", "categorie"),
        *("kategoria", "категория"),
    ),
    "description": (
        *("description", "body_html", "body (html)", "body", "long_description"),
        *("beschreibung", "descripción", "descrizione", "beschrijving", "opis", "описание"),
        *("summary", "content"),
    ),
    "group_id": ("group_id", "item_group_id", "group", "parent_sku", "parent_id"),
    "reference": ("reference", "reference_image", "source_image", "reference_photo"),
    "colour": (
        *("colour", "color", "color_name", "colour_name", "primary_color", "primary_colour"),
        *("farbe", "couleur", "colore", "kleur", "kolor", "barva", "szín", "cor", "färg", "farve"),
        *("renk", "цвет"),
    ),
    "material": (
        *("material", "fabric", "material_type", "material_name", "materials"),
        *("matériau", "matière", "materiale", "materiaal", "materiał", "materiál", "anyag"),
        *("malzeme", "материал"),
    ),
    "price": ("price", "preis", "prix", "precio", "prezzo", "prijs", "cena", "цена"),
    "sale_price": ("sale_price",),
    "brand": ("brand", "vendor", "manufacturer", "marke", "marque", "marca", "merk", "бренд"),
    "gender": ("gender",),
    "size": (
        *("size", "size_name", "größe", "groesse", "taille", "talla", "taglia", "maat", "rozmiar"),
        *("velikost", "méret", "tamanho", "storlek", "størrelse", "beden", "размер"),
    ),
    "pattern": ("pattern", "muster", "motif"),
    "gtin": ("gtin", "ean", "upc", "barcode", "ean13", "eans"),
    "mpn": ("mpn",),
    "link": ("link", "url", "product_url"),
    "image_link": ("image_link", "image_url", "image"),
    "availability": ("availability",),
    "condition": ("condition",),
    "count": ("count", "pack_size", "multipack"),
    "style": ("style",),
    "shape": ("shape",),
    "finish": ("finish",),
    "age_group": ("age_group",),
}

#: The attributes that have a defined meaning; feeds may have any others.
CANONICAL_ATTRIBUTES: Final = frozenset(SPELLINGS) - frozenset(CORE_FIELDS)

_NOT_WORD: Final = re.compile(r"[\W_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_NAME: Final = 100


def snake_case(name: str) -> str:
    """Make an attribute name of a column name: lower case, joined by "_", up to 100 characters.

    >>> snake_case("g:Care Instructions")
    'care_instructions'
    """
    bare = name.strip()
    if bare[:2].casefold() == "g:":
        bare = bare[2:]
    words = _NOT_WORD.sub("_", _CAMEL.sub("_", bare[: 2 * _MAX_NAME])).strip("_").lower()
    return words[:_MAX_NAME]


def canonical_field(name: str) -> str:
    """The field that a column of this name fills, by its usual spellings; else its own name.

    >>> canonical_field("item_group_id")
    'group_id'
    """
    wanted = _key(name)
    for field, spellings in SPELLINGS.items():
        if wanted in map(_key, spellings):
            return field
    return snake_case(name)


def _key(name: str) -> str:
    return snake_case(name).replace("_", "")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a feed: its place, the field it can fill, and its own name as an attribute."""

    index: int
    field: str
    own: str


class Naming:
    """The meanings of one feed's column names; the user's aliases take precedence."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._fields: dict[str, tuple[int, str]] = {}
        for field, spellings in SPELLINGS.items():
            for rank, spelling in enumerate(spellings, start=1):
                self._fields[_key(spelling)] = (rank, field)
        for spelling, target in aliases.items():
            _, field = self._fields.get(_key(target), (0, snake_case(target)))
            self._fields[_key(spelling)] = (0, field)
        self._plans = ColumnPlans(self._columns)

    def plan(self, names: tuple[str, ...]) -> tuple[Column, ...]:
        """The columns that carry a name, best first for every field; cached by ``names``."""
        return self._plans.of(names)

    def _columns(self, names: tuple[str, ...]) -> tuple[Column, ...]:
        ranked: list[tuple[int, Column]] = []
        for index, name in enumerate(names):
            own = snake_case(name)
            if own:
                rank, field = self._fields.get(_key(name), (0, own))
                ranked.append((rank, Column(index, field, own)))
        ranked.sort(key=lambda each: each[0])  # stable: equal ranks keep the feed's order
        return tuple(column for _, column in ranked)

    def claims(self, name: str) -> bool:
        """Whether the user's aliases name this column."""
        return self._fields.get(_key(name), (1, ""))[0] == 0

    def knows(self, names: tuple[str, ...], field: str) -> bool:
        """Whether some column can fill a field."""
        return any(column.field == field for column in self.plan(names))
