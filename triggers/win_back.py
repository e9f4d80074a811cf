"""A customer has not ordered for longer than is usual for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, case, cast, literal

from automation.goods import ordered, stands
from automation.models import Order
from automation.rhythms import STEPS
from automation.spans import any_inside, later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_orders = table_of(Order).c


class WinBackSettings(TriggerSettings):
    """When a customer counts as gone."""

    by: Literal["rhythm", "days"] = Field("rhythm", description="By the customer's own rhythm, or the same for all.")
    factor: float = Field(2, ge=1, le=10, description="So many times the customer's usual days between two orders.")
    least_days: int = Field(30, ge=1, le=730, description="By rhythm: never sooner than this after the last order.")
    most_days: int = Field(365, ge=1, le=1825, description="By rhythm: never later than this.")
    days: int = Field(
        120, ge=0, le=1825, description="For all, or for customers of one order; by rhythm 0 leaves those out."
    )


class WinBack(Trigger):
    """Starts when a customer's next order is overdue.

    A customer's rhythm is the median of the days between their last ten orders, as it was at their last order: who
    buys every two weeks is missed after a month, who buys twice a year is not. Waits of more than two months are
    rounded up to whole weeks. Customers who have ordered once have no rhythm; for them, or for everybody, it is a fixed
    number of days. An order since ends it, and each last order starts it once.
    """

    label = "Has not ordered for long"
    Settings = WinBackSettings
    subject = "order"
    nothing = "no order of theirs was overdue"
    not_kept = ("How often customers buy is taken as it was at each order, as far as it was worked out.",)

    def occurrences(
        self, settings: WinBackSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # counts from the order, which is the subject itself
        now = window.now
        placed_at, delay = _orders.placed_at, timedelta(days=settings.days)
        placed, due_at = window.earlier(delay), None
        store_id: ColumnElement[Any] = _orders.store_id
        within: ColumnElement[bool] = (placed_at > placed.since) & (placed_at <= placed.until)
        if settings.by == "rhythm":
            days, spans = _orders.rhythm_days, _spans(settings)
            within = any_inside(placed_at, days, spans, window, store_id)
            # Each part of it names the store: said once more outside, SQLite would read all of the store's orders.
            store_id = literal(window.store_id)
            due_at = _due_at(settings)
        return Occurrences(
            source=table_of(Order),
            store_id=store_id,
            customer_id=_orders.customer_id,
            key=cast(_orders.id, String()),
            at=placed_at,
            delay=delay,
            due_at=due_at,
            subject_id=_orders.id,
            within=within,
            conditions={
                "no order was placed since": ~ordered(_orders.customer_id, placed_at, now),
            },
            entry={"the last order was not cancelled": stands(_orders, now)},
        )


@lru_cache(maxsize=64)
def _due_at(settings: WinBackSettings) -> ColumnElement[datetime]:
    # A hundred rhythms: made once for all sweeps.
    spans: Any = case(_spans(settings), value=_orders.rhythm_days, else_=float(settings.days))
    return later(_orders.placed_at, spans)


@lru_cache(maxsize=64)
def _spans(settings: WinBackSettings) -> dict[int, float]:
    """Days to wait by rhythm; 0 stands for none.

    Beyond two months they are whole weeks: rhythms that wait alike share one look at the index.
    """
    least, most = settings.least_days, max(settings.least_days, settings.most_days)

    def wait(days: float) -> float:
        weeks = days if days <= 60 else ceil(days / 7) * 7
        return float(min(max(weeks, least), most))

    known = {step: wait(step * settings.factor) for step in STEPS}
    return {0: float(settings.days), **known} if settings.days else known
