"""An order held one thing; another goes well with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, literal

from automation.goods import Goods, bought, holds, stands
from automation.models import Order
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class CrossSellSettings(TriggerSettings):
    """What was bought, what goes with it, and when to say so."""

    bought: Goods = Field(default_factory=Goods, description="An order of one of these; empty means any order.")
    suggested: Goods = Field(default_factory=Goods, description="What the mail suggests; empty asks for nothing.")
    days: float = Field(14, ge=0, le=730, description="Days after the order.")
    not_bought_days: int = Field(
        365, ge=0, le=3650, description="Not if something of what is suggested was bought this long before the order."
    )


class CrossSell(Trigger):
    """Starts some days after an order of certain products, to suggest what goes with them.

    It starts once per order. Whoever has what is suggested already, from that order, from one before or from one
    since, is left out, and drops out if they buy it between two mails.
    """

    label = "Bought one, suggest another"
    Settings = CrossSellSettings
    subject = "order"
    nothing = "no order was placed"

    def occurrences(
        self, settings: CrossSellSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an order is placed once
        delay = timedelta(days=settings.days)
        placed = window.earlier(delay)
        now = window.now
        conditions = {"the order was not cancelled": stands(_orders, now)}
        if not settings.suggested.is_everything:
            since = later(_orders.placed_at, literal(-float(settings.not_bought_days)))
            conditions["nothing of what is suggested was bought"] = ~bought(
                _orders.customer_id, settings.suggested, since, now
            )
        entry = {}
        if not settings.bought.is_everything:
            entry["the order holds one of the products meant"] = holds(settings.bought, _orders.id)
        return Occurrences(
            source=table_of(Order),
            store_id=_orders.store_id,
            customer_id=_orders.customer_id,
            key=cast(_orders.id, String()),
            at=_orders.placed_at,
            delay=delay,
            subject_id=_orders.id,
            within=(_orders.placed_at > placed.since) & (_orders.placed_at <= placed.until),
            conditions=conditions,
            entry=entry,
        )
