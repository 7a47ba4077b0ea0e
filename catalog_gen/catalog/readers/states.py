"""Statuses of products that are not for sale, and the words under which they are counted."""

from typing import Final

#: Statuses by the word under which they are counted.
_STATUSES: Final = {
    "draft": ("draft", "entwurf", "brouillon", "borrador", "bozza", "rascunho", "concept", "szkic"),
    "archived": ("archived", "archive", "archiviert", "archivé", "archiviato", "retired"),
    "disabled": ("disabled", "inactive", "deaktiviert", "inaktiv", "inactif", "désactivé", "off"),
    "unpublished": ("unpublished", "unlisted", "not published", "unveröffentlicht", "staging"),
    "private": ("private", "privat", "privé"),
    "pending": ("pending", "pending review", "incomplete", "future"),
    "hidden": ("hidden", "not visible", "whitelist_only"),
    "deleted": ("deleted", "delete", "removed", "trash"),
}
_WHY: Final = {word: why for why, words in _STATUSES.items() for word in words}
_NO: Final = frozenset(
    {"0", "false", "no", "n", "f", "nein", "non", "nee", "off", "falsch", "faux"}
)


def not_for_sale(status: str) -> str:
    """The reason that a status is not for sale: draft, archived, disabled, ...; else ''."""
    return _WHY.get(status.strip().casefold(), "")


def is_no(value: str) -> bool:
    """Whether a cell says no: 0, false, no and the like. An empty cell does not."""
    return value.strip().casefold() in _NO


def has_stock(quantity: str) -> bool:
    """Whether a number of pieces is above zero: "4", "12.0000", not "0", "-2" or "none"."""
    try:
        return float(quantity.replace(",", ".")) > 0
    except ValueError:
        return False


def stock_word(quantity: str) -> str:
    """ "in stock" or "out of stock" for a number of pieces."""
    return "in stock" if has_stock(quantity) else "out of stock"
