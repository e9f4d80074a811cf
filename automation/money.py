"""Money as others write it → integers of minor units, and how many of those make one of a currency."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from automation.errors import Unreadable

EXPONENTS: dict[str, int] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF"), 0
    ),
    **dict.fromkeys(("XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217: digits after the point, for the currencies that have not two."""

_MOST = 2**53
"""Beyond this a JSON reader elsewhere would round."""


def exponent(currency: str) -> int:
    """How many digits stand after the point: 2 for EUR, 0 for JPY, 3 for KWD."""
    return EXPONENTS.get(currency, 2)


def minor_units(amount: Any, currency: str) -> int:
    """A decimal text or number as minor units: "19.99" EUR is 1999, "1999" JPY is 1999.

    Digits below the smallest unit are rounded half to even. Raises Unreadable for what is no finite amount.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int | float | Decimal):
        raise Unreadable(f"{_shown(amount)} is not an amount.")
    text = str(amount).strip()
    if len(text) > 40:
        raise Unreadable(f"{_shown(amount)} is too long for an amount.")
    try:
        scaled = Decimal(text).scaleb(exponent(currency)).to_integral_value(rounding=ROUND_HALF_EVEN)
        units = int(scaled) if scaled.is_finite() and abs(scaled) <= _MOST else None
    except InvalidOperation:
        units = None
    if units is None:
        raise Unreadable(f"{_shown(amount)} is not an amount.")
    return units


def decimal_text(amount: int, currency: str) -> str:
    """Minor units as a decimal text: 1999 EUR is "19.99"."""
    digits = exponent(currency)
    return f"{Decimal(amount).scaleb(-digits):.{digits}f}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
