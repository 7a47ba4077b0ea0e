"""Akeneo PIM's product CSV: attributes with locale, channel and currency in their names.

``name-en_GB``, ``description-en_GB-ecommerce``, ``price-EUR``. Of several locales, one is used for
all attributes: English if present, else the first in the header; of several channels, the first.
Rows of product models (``code`` and ``family_variant``) are parents.

Source: https://docs.akeneo.com/ (Import and export data, product and product model formats)
"""

import re
from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import Reader, Translation, Understand, fold, record_of
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import is_no

_LOCALIZED: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_]+)-(?P<locale>[a-z]{2,3}_[A-Z]{2})(?:-(?P<channel>[A-Za-z0-9_]+))?"
)
_PRICE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_]*price[A-Za-z0-9_]*)(?:-.+)?-(?P<currency>[A-Z]{3})"
)
_TITLES: Final = ("name", "title", "label", "product_name", "short_name", "erp_name")


class Akeneo(Reader):
    """Akeneo's quick and profile exports of products."""

    title: ClassVar = "Akeneo"
    marks: ClassVar = frozenset({"family", "enabled", "groups", "categories", "parent"})
    columns: ClassVar = {
        "product_id": ("sku", "identifier", "uuid"),
        "_model": ("code",),
        "_variant_family": ("family_variant",),
        "_family": ("family",),
        "_categories": ("categories",),
        "_enabled": ("enabled",),
        "_groups": ("groups",),
        "group_id": ("parent",),
        "title": _TITLES,
        "description": ("description", "long_description", "short_description"),
        "image_link": ("image", "picture", "main_image", "variation_image", "image_1", "photo"),
    }

    def score(self, names: frozenset[str]) -> int:
        if not names & {"sku", "identifier", "uuid", "code"} or "family" not in names:
            return 0
        associations = sum(name.endswith(("-products", "-product_models")) for name in names)
        # A model's own column counts instead of "enabled" and "groups", which it lacks.
        model = 2 if "family_variant" in names else 0
        found = len(self.marks & names) + min(associations, 1) + model
        return found if found >= self.enough else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(_columns(table.names, naming), naming)
        currencies = _currencies(table.names)

        def understood(record: Record) -> Row:
            fields = translation.fields(record)
            if "product_id" not in fields and "_model" in fields:
                return Skipped(record.line, "parent")
            if is_no(fields.get("_enabled", "")):
                return Skipped(record.line, "disabled")
            return record_of(record.line, _product(fields, currencies))

        return understood


def _columns(names: tuple[str, ...], naming: Naming) -> dict[str, tuple[str, ...]]:
    """The fields with the header's own column names, the chosen locale first."""
    columns = {field: list(spellings) for field, spellings in Akeneo.columns.items()}
    fields = {name: field for field, spellings in Akeneo.columns.items() for name in spellings}
    localized = [(name, match) for name in names if (match := _LOCALIZED.fullmatch(name))]
    locales = list(dict.fromkeys(match["locale"] for _, match in localized))
    locale = next(
        (each for each in locales if each.startswith("en_")), locales[0] if locales else ""
    )
    for name, match in localized:
        if match["locale"] == locale:
            attribute = match["name"].casefold()
            columns.setdefault(fields.get(attribute, attribute), []).append(fold(name))
    for name in names:
        if match := _PRICE.fullmatch(name):
            columns.setdefault(match["name"].casefold(), []).append(fold(name))
    return {field: tuple(spellings) for field, spellings in columns.items()}


def _currencies(names: tuple[str, ...]) -> dict[str, str]:
    """The currency of each price attribute: that of the first column, whose value is used."""
    found: dict[str, str] = {}
    for name in names:
        if match := _PRICE.fullmatch(name):
            found.setdefault(match["name"].casefold(), match["currency"])
    return found


def _product(fields: dict[str, str], currencies: dict[str, str]) -> dict[str, str]:
    product = dict(fields)
    for name, currency in currencies.items():
        if name in product:
            product[name] = f"{product[name]} {currency}"
    # Codes are words joined by "_"; a family ("mugs") says what a product is, a category often
    # where it is sold ("sale_2026").
    code = fields.get("_family") or fields.get("_categories", "").split(",")[0]
    if code:
        product["product_type"] = code.replace("_", " ").strip()
    return product
