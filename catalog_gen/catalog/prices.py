"""Parse prices as people and platforms write them, and format them for channels.

"1.299,00 EUR", "CHF 1'299.-" and "$12" become an amount with a decimal point and an ISO 4217 code.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

#: A number with its separators; nothing longer is a price.
_NUMBER: Final = re.compile(r"\d(?:[\d.,'\u2019\u00b4` \u00a0\u202f]{0,30}\d)?")
_CODE: Final = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_SYMBOLS: Final = {
    "R$": "BRL",
    "A$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "US$": "USD",
    "S$": "SGD",
    "MX$": "MXN",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "￥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₴": "UAH",
    "₪": "ILS",
    "₫": "VND",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "lei": "RON",
    "Fr.": "CHF",
    "SFr": "CHF",
    "$": "USD",
}
#: Currencies whose amounts have three decimals.
_THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


@dataclass(frozen=True, slots=True)
class Price:
    """An amount, exactly as many decimals as were written but at least two, and its currency.

    ``currency`` is an ISO 4217 code, or '' if none is given.
    """

    amount: Decimal
    currency: str = ""

    @property
    def number(self) -> str:
        """ "1299.00", whatever the separators were."""
        exponent = self.amount.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -2:
            short = self.amount.quantize(Decimal("0.01"))
            return f"{short if short == self.amount else self.amount.normalize():f}"
        return f"{self.amount:.2f}"

    def with_currency(self, default: str = "") -> str:
        """ "1299.00 EUR"; the number alone where no currency is known."""
        return f"{self.number} {self.currency or default}".strip()


def parse_price(text: str) -> Price | None:
    """Parse a price; None if the text has no number, or one with inconsistent separators.

    The last of two different separators is the decimal one. A single separator before exactly three
    digits separates thousands ("1.299" is 1299), unless the currency has three decimals or only a
    0 precedes it.

    >>> parse_price("1.299,00 EUR").with_currency()
    '1299.00 EUR'
    >>> parse_price("CHF 1'299.-").with_currency()
    '1299.00 CHF'
    >>> parse_price("12,50").number
    '12.50'
    """
    match = _NUMBER.search(text)
    if match is None:
        return None
    currency = _currency(text[: match.start()] + " " + text[match.end() :])
    try:
        amount = Decimal(_plain_number(match[0], currency in _THREE_DECIMALS))
    except InvalidOperation:
        return None
    return Price(amount, currency)


def amount_of(text: str) -> Decimal | None:
    """The amount of a price, or None."""
    price = parse_price(text) if text else None
    return price.amount if price else None


def _plain_number(text: str, three_decimals: bool) -> str:
    digits = re.sub(r"['\u2019\u00b4` \u00a0\u202f]", "", text)
    point, comma = digits.rfind("."), digits.rfind(",")
    if point >= 0 and comma >= 0:
        decimal, thousands = (".", ",") if point > comma else (",", ".")
        return digits.replace(thousands, "").replace(decimal, ".")
    separator = "." if point >= 0 else ","
    whole, *groups = digits.split(separator)
    if len(groups) > 1:
        return whole + "".join(groups)
    if groups and len(groups[0]) == 3 and whole.strip("0") and not three_decimals:
        return whole + groups[0]
    return ".".join((whole, *groups))


def _currency(rest: str) -> str:
    if code := _CODE.search(rest):
        return code[0]
    return next((code for symbol, code in _SYMBOLS.items() if symbol in rest), "")
