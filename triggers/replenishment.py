"""What a customer bought is about to run out."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast

from automation.goods import Goods, bought, is_there
from automation.models import Product, Repurchase
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_repurchases = table_of(Repurchase).c
_products = table_of(Product).c


class ReplenishmentSettings(TriggerSettings):
    """Which products, and when they run out."""

    which: Goods = Field(default_factory=Goods, description="Only these products; empty means all that run out.")
    days_after: float = Field(
        -3, ge=-90, le=365, description="Days after the next purchase is expected; below zero is before."
    )
    is_own_only: bool = Field(
        False, description="Only by the customer's own rhythm: who bought the product once is left out."
    )


class Replenishment(Trigger):
    """Starts shortly before a customer needs a product again.

    Who bought a product at least twice is expected after the median of their own days between two purchases of it;
    who bought it once after the median of all customers who bought it again, once there are five of those. Products
    that nobody buys twice never start it. It starts once per purchase, and a new purchase of the product ends it.
    """

    label = "Time to buy again"
    Settings = ReplenishmentSettings
    subject = "repurchase"
    nothing = "nothing that they bought was about to run out"
    not_kept = ("When a product runs out is taken as it was worked out last, and stock as it is today.",)

    def occurrences(
        self, settings: ReplenishmentSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # counts from the purchase, which is the subject itself
        delay = timedelta(days=settings.days_after)
        due = window.earlier(delay)
        now = window.now
        who = _repurchases.customer_id
        entry: dict[str, ColumnElement[bool]] = {"the product is one of those meant": settings.which.match()}
        if settings.is_own_only:
            entry["the customer has bought it at least twice"] = _repurchases.is_own
        return Occurrences(
            source=table_of(Repurchase).join(table_of(Product), _products.id == _repurchases.product_id),
            store_id=_repurchases.store_id,
            customer_id=who,
            key=cast(_repurchases.order_id, String()) + ":" + cast(_repurchases.product_id, String()),
            at=_repurchases.expected_at,
            delay=delay,
            subject_id=_repurchases.id,
            within=(_repurchases.expected_at > due.since) & (_repurchases.expected_at <= due.until),
            conditions={
                "it was not bought again since": ~bought(
                    who, _repurchases.product_id, _repurchases.bought_at, now, is_later=True
                ),
                "the product can still be bought": is_there(),
            },
            entry=entry,
        )
