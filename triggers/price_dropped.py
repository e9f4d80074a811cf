"""What a customer looked at, or put in a cart, became cheaper."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, literal, select, union
from sqlalchemy.orm import aliased

from automation.goods import Goods, bought, is_there
from automation.models import Cart, CartItem, Event, Product
from automation.properties import number
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

_DROP = "product.price_dropped"


class PriceDroppedSettings(TriggerSettings):
    """How much cheaper, and for whom."""

    least_percent: float = Field(10, ge=0, le=100, description="The price fell by at least so many percent.")
    least_amount: int = Field(0, ge=0, le=2**53, description="And by at least this, in minor units.")
    interest: Literal["any", "viewed", "carted"] = Field(
        "any", description="Who looked at the product, who put it in a cart, or both."
    )
    within_days: int = Field(30, ge=1, le=365, description="So many days before the price fell.")
    which: Goods = Field(default_factory=Goods, description="Only these products; empty means any.")


class PriceDropped(Trigger):
    """Starts when the price of something falls that a customer was interested in lately.

    A first price is no fall: a product that is new to us tells nobody anything. The mail is only sent while the
    price is still as low and the product can be bought, and not to whom has bought it. A sale touches many products
    at once; the cool-down of the campaign keeps that to one mail per customer.
    """

    label = "Price dropped"
    Settings = PriceDroppedSettings
    subject = "event"
    nothing = "no price fell of anything they were interested in"
    not_kept = ("Prices and stock are taken as they are today, and carts as they were left last.",)

    def occurrences(
        self, settings: PriceDroppedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        now = window.now
        drop: Any = Event
        source: Any = Event.__table__
        who: ColumnElement[Any] = window.who
        if anchor is None:
            seen = _interested(settings, window)
            source = source.join(seen, seen.c.drop_id == Event.id)
            who = seen.c.customer_id
        before, after = number(drop.properties, "from"), number(drop.properties, "to")
        fall = before - after
        since = later(Event.at, literal(-float(settings.within_days)))
        return Occurrences(
            source=source.join(Product.__table__, Product.id == Event.product_id),
            store_id=Event.store_id.expression,
            customer_id=who,
            key=cast(Event.id, String()),
            at=Event.at.expression,
            subject_id=Event.id.expression,
            within=(Event.name == _DROP) & (Event.at > window.since) & (Event.at <= window.until),
            conditions={
                "the price is still as low": Product.price <= after,
                "the product can still be bought": is_there(),
                "the customer has not bought it": ~bought(who, Event.product_id.expression, since, now),
            },
            entry={
                "the price fell by enough": (fall * 100 >= before * settings.least_percent)
                & (fall >= max(settings.least_amount, 1)),
                "the product is one of those meant": settings.which.match(),
            },
        )


def _interested(settings: PriceDroppedSettings, window: Window) -> Any:
    """Each fall within the window with each customer who was interested in the product, once."""
    parts = []
    if settings.interest != "carted":
        drop, look = aliased(Event), aliased(Event)
        parts.append(
            _falls(drop, look.customer_id, window)
            .join(look, (look.product_id == drop.product_id) & (look.name == "product.viewed"))
            .where(look.customer_id.is_not(None), *_lately(look.at, drop.at, settings))
        )
    if settings.interest != "viewed":
        drop = aliased(Event)
        parts.append(
            _falls(drop, Cart.customer_id, window)
            .join(CartItem, CartItem.product_id == drop.product_id)
            .join(Cart, Cart.id == CartItem.cart_id)
            .where(Cart.customer_id.is_not(None), *_lately(Cart.last_activity_at, drop.at, settings))
        )
    return union(*parts).subquery("interested")


def _falls(drop: Any, customer_id: Any, window: Window) -> Any:
    return (
        select(drop.id.label("drop_id"), customer_id.label("customer_id"))
        .select_from(drop)
        .where(drop.store_id == window.store_id, drop.name == _DROP, drop.at > window.since, drop.at <= window.until)
    )


def _lately(at: Any, fell_at: Any, settings: PriceDroppedSettings) -> tuple[ColumnElement[bool], ...]:
    return at <= fell_at, at > later(fell_at, literal(-float(settings.within_days)))
