"""What triggers on orders ask of an order, in the words a person reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, literal, or_, select
from sqlalchemy.orm import aliased

from automation.models import Order


def still_stands(until: datetime) -> dict[str, ColumnElement[bool]]:
    """The conditions of a purchase that is worth a mail: as of `until` not cancelled, and not paid back in full.

    When money went back is not recorded, so the second is as of today.
    """
    now = literal(until, type_=Order.placed_at.type)
    return {
        "the order was not cancelled": or_(Order.cancelled_at.is_(None), Order.cancelled_at > now),
        "the order was not paid back in full": or_(Order.refunded < Order.total, Order.refunded == 0),
    }


def is_first() -> ColumnElement[bool]:
    """Whether no order of the customer's stands before this one; what was cancelled does not count."""
    before = aliased(Order)
    return ~exists(
        select(1).where(
            before.customer_id == Order.customer_id,
            (before.placed_at < Order.placed_at) | ((before.placed_at == Order.placed_at) & (before.id < Order.id)),
            before.cancelled_at.is_(None),
        )
    )
