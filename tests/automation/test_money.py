from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import Unreadable
from automation.money import decimal_text, exponent, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("19.99", "EUR", 1999),
        ("19.9", "USD", 1990),
        ("1999", "JPY", 1999),
        ("1999.00", "JPY", 1999),
        ("1.234", "KWD", 1234),
        (199, "USD", 19900),
        (19.99, "USD", 1999),
        ("-5.00", "EUR", -500),
        (" 0.005 ", "EUR", 0),
        ("0.015", "EUR", 2),
    ],
)
def test_decimal_text_becomes_minor_units(amount: str | float, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


@pytest.mark.parametrize("amount", ["", "NaN", "Infinity", "1e400", "12,50", "€5", True, None, [], "9" * 41, "1e30"])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(Unreadable, match="amount"):
        minor_units(amount, "EUR")


@given(st.integers(-(2**53), 2**53), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_minor_units_survive_a_round_trip(units: int, currency: str) -> None:
    text = decimal_text(units, currency)
    assert minor_units(text, currency) == units
    assert -Decimal(text).as_tuple().exponent == exponent(currency)  # type: ignore[operator]  # it is finite
