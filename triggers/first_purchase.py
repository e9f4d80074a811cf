"""Somebody buys for the first time."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, literal

from automation.models import Order
from automation.purchases import REFUNDS, is_first, still_stands
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class FirstPurchaseSettings(TriggerSettings):
    """When to speak of it."""

    after_hours: int = Field(0, ge=0, le=8760, description="Hours after the order.")
    minimum: int = Field(0, ge=0, description="Least worth of the order, in minor units (1999 is 19.99).")


class FirstPurchase(Trigger):
    """Starts once for each customer, with their first order.

    An order that was cancelled is none: the next one is then the first. The campaign ends for an order that is
    cancelled, or paid back in full, while it runs.
    """

    label = "First purchase"
    Settings = FirstPurchaseSettings
    subject = "order"
    nothing = "no order was placed"
    not_kept = (REFUNDS,)

    def occurrences(
        self, settings: FirstPurchaseSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # nothing here counts from it
        delay = timedelta(hours=settings.after_hours)
        placed = window.earlier(delay)
        return Occurrences(
            source=table_of(Order),
            store_id=_orders.store_id,
            customer_id=_orders.customer_id,
            key=literal("first", type_=String()),
            at=_orders.placed_at,
            delay=delay,
            subject_id=_orders.id,
            within=(_orders.placed_at > placed.since) & (_orders.placed_at <= placed.until),
            conditions=still_stands(window.now),
            entry={
                "it was their first order": is_first(window.now),
                "the order is worth enough": _orders.total >= settings.minimum,
            },
        )
