"""Prices in every notation become a number with a decimal point and a currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.catalog.prices import amount_of, parse_price


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12.99 EUR", "12.99 EUR"),
        ("EUR 12.99", "12.99 EUR"),
        ("14,90 €", "14.90 EUR"),
        ("1.299,00 EUR", "1299.00 EUR"),
        ("1,299.00 USD", "1299.00 USD"),
        ("1 299.00 EUR", "1299.00 EUR"),
        ("1\u00a0299,00\u00a0zł", "1299.00 PLN"),
        ("CHF 1'299.00", "1299.00 CHF"),
        ("CHF 1\u2019299.-", "1299.00 CHF"),
        ("1.299 EUR", "1299.00 EUR"),
        ("1,299", "1299.00"),
        ("1.299.000 EUR", "1299000.00 EUR"),
        ("12.505 KWD", "12.505 KWD"),
        ("0.125 EUR", "0.125 EUR"),
        ("14.0000", "14.00"),
        ("12.500000", "12.50"),
        ("12", "12.00"),
        ("$8", "8.00 USD"),
        ("C$8.5", "8.50 CAD"),
        ("£1,29,900.50", "129900.50 GBP"),
    ],
)
def test_prices(text: str, wanted: str) -> None:
    price = parse_price(text)
    assert price is not None
    assert price.with_currency() == wanted


def test_texts_that_are_no_price() -> None:
    assert parse_price("soon") is None
    assert amount_of("") is None
    assert parse_price("296,54...559") is None


@given(st.text(alphabet="0123456789.,' €EUR-", max_size=40))
def test_any_text_is_a_price_or_none(text: str) -> None:
    price = parse_price(text)
    assert price is None or any(sign.isdigit() for sign in text)
    assert price is None or price.amount >= 0
