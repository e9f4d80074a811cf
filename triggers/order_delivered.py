"""An order has reached the customer some days ago: the time to ask for a review."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, and_, case, exists, literal, or_, select

from automation.models import Event, Order
from automation.purchases import REFUNDS, still_stands
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


class OrderDeliveredSettings(TriggerSettings):
    """How long after, and what to do where nobody tells of deliveries."""

    after_days: int = Field(7, ge=0, le=365, description="Days after the delivery.")
    transit_days: int | None = Field(
        None,
        ge=0,
        le=90,
        description="Where no delivery is told of: days from dispatch to arrival. Empty waits for it.",
    )
    answered_by: str = Field(
        "review.left", max_length=128, description="An event that makes it needless once the order has arrived."
    )


class OrderDelivered(Trigger):
    """Starts some days after an order was delivered: for review requests, above all.

    It counts from the delivery, not from the order. Shops that never tell of deliveries can have them assumed so
    many days after dispatch; an order whose delivery is known never goes by the assumption. It does not start, and
    ends, once the customer has left a review, or the order is cancelled or paid back in full.
    """

    label = "Order delivered"
    Settings = OrderDeliveredSettings
    subject = "order"
    nothing = "no order was delivered"
    not_kept = (REFUNDS,)

    def occurrences(
        self, settings: OrderDeliveredSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # the delivery itself is kept with the order
        delay = timedelta(days=settings.after_days)
        arrived = window.earlier(delay)
        now = window.now
        within = and_(Order.delivered_at > arrived.since, Order.delivered_at <= arrived.until)
        at: ColumnElement[datetime] = Order.delivered_at.expression  # type: ignore[assignment]  # `within` rules NULL out
        due_at = None
        if settings.transit_days is not None:
            sent = arrived.earlier(timedelta(days=settings.transit_days))
            assumed = and_(Order.fulfilled_at > sent.since, Order.fulfilled_at <= sent.until)
            within = or_(within, and_(Order.delivered_at.is_(None), assumed))
            at = case((Order.delivered_at.is_not(None), Order.delivered_at), else_=Order.fulfilled_at)
            due_at = now  # two spans lie behind it; it begins when it is noticed
            if window.is_replay:
                days = case((Order.delivered_at.is_not(None), 0), else_=settings.transit_days)
                due_at = later(at, days + literal(float(settings.after_days)))
        answered = exists(
            select(1).where(
                Event.customer_id == Order.customer_id,
                Event.name == settings.answered_by,
                Event.at >= at,
                Event.at <= now,
            )
        )
        return Occurrences(
            source=Order.__table__,
            store_id=Order.store_id.expression,
            customer_id=Order.customer_id.expression,
            key=Order.external_id.expression,
            at=at,
            delay=delay,
            due_at=due_at,
            subject_id=Order.id.expression,
            within=within,
            conditions={**still_stands(window.now), "they have not answered yet": ~answered},
            entry={},
        )
