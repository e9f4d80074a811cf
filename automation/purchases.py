"""What triggers on orders ask of an order, in the words a person reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import aliased

from automation.goods import stands
from automation.models import Order

REFUNDS = "When money went back is not kept: an order that was paid back in full counts as that from the beginning."
"""What `still_stands` cannot know of the past."""


def still_stands(now: ColumnElement[datetime]) -> dict[str, ColumnElement[bool]]:
    """The conditions of a purchase that is worth a mail: as of `now` not cancelled, and not paid back in full.

    When money went back is not recorded, so the second is as of today.
    """
    return {
        "the order was not cancelled": stands(Order, now),
        "the order was not paid back in full": or_(Order.refunded < Order.total, Order.refunded == 0),
    }


def is_first(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether no order of the customer's stands before this one; what was cancelled by `now` does not count."""
    before = aliased(Order)
    return ~exists(
        select(1).where(
            before.customer_id == Order.customer_id,
            (before.placed_at < Order.placed_at) | ((before.placed_at == Order.placed_at) & (before.id < Order.id)),
            stands(before, now),
        )
    )
