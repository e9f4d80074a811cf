"""A customer placed their second, fifth, tenth order."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, func

from automation.goods import earlier_orders, stands
from automation.models import Order
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class NthOrderSettings(TriggerSettings):
    """Which order it takes."""

    number: int = Field(5, ge=1, le=1000, description="The how-manieth order starts the campaign.")
    is_repeated: bool = Field(False, description="Also every multiple of it: the 5th, the 10th, the 15th.")
    delay_hours: float = Field(24, ge=0, le=8760, description="How long after the order was placed.")


class NthOrder(Trigger):
    """Starts when a customer has placed so many orders.

    Orders that were cancelled do not count, and each number is reached once: a fifth order that takes the place of a
    cancelled fifth does not start the campaign again.
    """

    label = "Number of orders reached"
    Settings = NthOrderSettings
    subject = "order"
    nothing = "no order was placed"

    def occurrences(
        self, settings: NthOrderSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an order is placed once
        delay = timedelta(hours=settings.delay_hours)
        placed = window.earlier(delay)
        now = window.now
        place = earlier_orders(lambda o: func.count(o.id), now, including=True)
        is_it = place % settings.number == 0 if settings.is_repeated else place == settings.number
        return Occurrences(
            source=table_of(Order),
            store_id=_orders.store_id,
            customer_id=_orders.customer_id,
            key=cast(place, String()),
            at=_orders.placed_at,
            delay=delay,
            subject_id=_orders.id,
            within=(_orders.placed_at > placed.since) & (_orders.placed_at <= placed.until),
            conditions={"the order was not cancelled": stands(_orders, now)},
            entry={f"it is order no. {settings.number} of the customer": is_it},
        )
