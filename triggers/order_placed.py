"""An order is placed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement

from automation.models import Order
from automation.purchases import REFUNDS, is_first, still_stands
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class OrderPlacedSettings(TriggerSettings):
    """Which orders, and how long after."""

    after_hours: int = Field(0, ge=0, le=8760, description="Hours after the order.")
    which: Literal["any", "first", "later"] = Field("any", description="Every order, the first only, or all but it.")
    minimum: int = Field(0, ge=0, description="Least worth of the order, in minor units (1999 is 19.99).")


class OrderPlaced(Trigger):
    """Starts with each order, at once or some hours after it.

    It ends for an order that is cancelled, or paid back in full, while it runs.
    """

    label = "Order placed"
    Settings = OrderPlacedSettings
    subject = "order"
    nothing = "no order was placed"
    not_kept = (REFUNDS,)

    def occurrences(
        self, settings: OrderPlacedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # nothing here counts from it
        delay = timedelta(hours=settings.after_hours)
        placed = window.earlier(delay)
        entry = {"the order is worth enough": _orders.total >= settings.minimum}
        if settings.which == "first":
            entry["it was their first order"] = is_first(window.now)
        if settings.which == "later":
            entry["they had ordered before"] = ~is_first(window.now)
        return Occurrences(
            source=table_of(Order),
            store_id=_orders.store_id,
            customer_id=_orders.customer_id,
            key=_orders.external_id,
            at=_orders.placed_at,
            delay=delay,
            subject_id=_orders.id,
            within=(_orders.placed_at > placed.since) & (_orders.placed_at <= placed.until),
            conditions=still_stands(window.now),
            entry=entry,
        )
