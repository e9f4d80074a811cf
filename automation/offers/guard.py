"""The coupon guard: who goes without an offer. Pure; the facts are loaded in bulk by `automation.offers.holding`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automation.offers.terms import Guard


@dataclass(frozen=True, slots=True)
class Basket:
    """What is in the cart that a run is about."""

    revenue: int
    """Minor units, at the prices in the cart."""
    cost: int | None
    """None where the cost of a line is not known."""
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the guard knows of one customer and one run."""

    recent: int = 0
    """Codes they were given within the guard's period, for other runs."""
    bought_back: int = 0
    """Times within a year that they redeemed a code which a mail about a cart had brought."""
    is_about_cart: bool = False
    """The run is about a cart."""
    basket: Basket | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, as a code of `automation.offers.REASONS`, and what was seen."""

    reason: str
    facts: dict[str, Any]


def refusal(guard: Guard, kind: str, value: int, currency: str, seen: Seen) -> Refusal | None:
    """Why this customer goes without the offer; None when they may have it.

    The margin is what is left of the cart's revenue after discount and cost, as a share of what is paid. Where a
    cost is not known, or the currencies differ, the margin is not judged.
    """
    if guard.most and seen.recent >= guard.most:
        return Refusal("too_many", {"had": seen.recent, "most": guard.most, "days": guard.period_days})
    if guard.serial_after and seen.is_about_cart and seen.bought_back >= guard.serial_after:
        return Refusal("serial_abandoner", {"times": seen.bought_back, "from": guard.serial_after})
    basket = seen.basket
    if not guard.least_margin or basket is None or basket.cost is None or not basket.revenue:
        return None
    if kind == "amount" and basket.currency != currency:
        return None
    paid = basket.revenue - discount(kind, value, basket.revenue)
    if (paid - basket.cost) * 100 < guard.least_margin * paid or paid <= 0:
        left = round((paid - basket.cost) * 100 / paid, 1) if paid > 0 else -100.0
        return Refusal("margin", {"left_percent": left, "least_percent": guard.least_margin})
    return None


def discount(kind: str, value: int, revenue: int) -> int:
    """What the offer takes off goods of this worth, in minor units; free shipping takes nothing off the goods."""
    match kind:
        case "percent":
            return revenue * value // 100
        case "amount":
            return min(value, revenue)
        case _:
            return 0
