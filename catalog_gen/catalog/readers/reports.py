"""Exports of a shop that are no products, and that a table of ids and names could be taken for."""

from collections.abc import Mapping
from typing import Final

#: By what a list is of: folded column names that such lists have and lists of products don't.
_MARKS: Final[Mapping[str, frozenset[str]]] = {
    "orders": frozenset(
        {
            *("lineitem name", "lineitem sku", "lineitem quantity", "lineitem price"),
            *("financial status", "fulfillment status", "paid at", "order id", "order number"),
            *("order date", "order status", "order total", "order key", "payment method"),
            *("billing name", "billing address 1", "billing city", "billing first name"),
            *("shipping name", "shipping address 1", "shipping city", "customer note"),
            *("purchase-date", "order-item-id", "buyer-email", "buyer-name", "ship-city"),
            *("bestellnummer", "bestelldatum", "rechnungsadresse", "lieferadresse"),
        }
    ),
    "customers": frozenset(
        {
            *("email", "first name", "last name", "accepts email marketing", "total spent"),
            *("total orders", "phone", "customer id", "company", "default address city"),
            *("vorname", "nachname", "e-mail", "telefon"),
        }
    ),
    "stock by location": frozenset(
        {
            *("location", "available (not editable)", "on hand (current)", "on hand (new)"),
            *("committed (not editable)", "incoming (not editable)", "hs code", "coo", "bin name"),
        }
    ),
}
_ENOUGH: Final = 3


def report_kind(names: frozenset[str]) -> str:
    """What a table lists, if it is orders, customers or stock; '' where nothing says so."""
    for kind, marks in _MARKS.items():
        if len(marks & names) >= _ENOUGH:
            return kind
    return ""
