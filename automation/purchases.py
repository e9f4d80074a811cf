"""What triggers on orders ask of an order, in the words a person reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select

from automation.goods import stands
from automation.models import Order
from automation.upsert import table_of

_orders = table_of(Order).c
_before = table_of(Order).alias("order_earlier").c

REFUNDS = "When money went back is not kept: an order that was paid back in full counts as that from the beginning."
"""What `still_stands` cannot know of the past."""


def still_stands(now: ColumnElement[datetime]) -> dict[str, ColumnElement[bool]]:
    """The conditions of a purchase that is worth a mail: as of `now` not cancelled, and not paid back in full.

    When money went back is not recorded, so the second is as of today.
    """
    return {
        "the order was not cancelled": stands(_orders, now),
        "the order was not paid back in full": or_(_orders.refunded < _orders.total, _orders.refunded == 0),
    }


def is_first(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether no order of the customer's stands before this one; what was cancelled by `now` does not count."""
    before = _before
    return ~exists(
        select(1).where(
            before.customer_id == _orders.customer_id,
            (before.placed_at < _orders.placed_at)
            | ((before.placed_at == _orders.placed_at) & (before.id < _orders.id)),
            stands(before, now),
        )
    )
