"""A customer's orders add up to an amount."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, String, func, literal

from automation.goods import earlier_orders, stands
from automation.models import Order
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class TotalSpentSettings(TriggerSettings):
    """How much it takes."""

    amount: int = Field(50_000, ge=1, le=2**53, description="In minor units: 50000 is 500.00.")
    delay_hours: float = Field(24, ge=0, le=8760, description="How long after the order that reached it.")


class TotalSpent(Trigger):
    """Starts when a customer has spent an amount, all orders together.

    What was refunded is taken off, cancelled orders do not count. The order that carries the sum over the amount
    starts the campaign, once per customer and amount; orders in another currency than that one are left out. If
    money goes back and the sum falls below the amount again, no further mail goes out.
    """

    label = "Amount spent"
    Settings = TotalSpentSettings
    subject = "order"
    nothing = "no order was placed"
    not_kept = ("When money went back is not kept: refunds are taken off from the beginning.",)

    def occurrences(
        self, settings: TotalSpentSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an order is placed once
        delay = timedelta(hours=settings.delay_hours)
        placed = window.earlier(delay)
        now = window.now
        amount = settings.amount
        return Occurrences(
            source=table_of(Order),
            store_id=_orders.store_id,
            customer_id=_orders.customer_id,
            key=literal(f"{amount}", type_=String()),
            at=_orders.placed_at,
            delay=delay,
            subject_id=_orders.id,
            within=(_orders.placed_at > placed.since) & (_orders.placed_at <= placed.until),
            conditions={
                "the order was not cancelled": stands(_orders, now),
                "the customer has spent the amount": earlier_orders(_net, now, including=True) >= amount,
            },
            entry={"the orders before it did not reach the amount": earlier_orders(_net, now) < amount},
        )


def _net(order: Any) -> ColumnElement[int]:
    return func.sum(order.total - order.refunded).filter(order.currency == _orders.currency)
