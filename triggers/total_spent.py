"""A customer's orders add up to an amount."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, func, literal

from automation.goods import earlier_orders, stands
from automation.models import Order
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


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
            source=Order.__table__,
            store_id=Order.store_id.expression,
            customer_id=Order.customer_id.expression,
            key=literal(f"{amount}", type_=String()),
            at=Order.placed_at.expression,
            delay=delay,
            subject_id=Order.id.expression,
            within=(Order.placed_at > placed.since) & (Order.placed_at <= placed.until),
            conditions={
                "the order was not cancelled": stands(Order, now),
                "the customer has spent the amount": earlier_orders(_net, Order, now, including=True) >= amount,
            },
            entry={"the orders before it did not reach the amount": earlier_orders(_net, Order, now) < amount},
        )


def _net(order: type[Order]) -> ColumnElement[int]:
    return func.sum(order.total - order.refunded).filter(order.currency == Order.currency)
