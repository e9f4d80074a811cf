"""What a customer looked at, or put in a cart, became cheaper."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, literal, select, union

from automation.goods import Goods, bought, is_there
from automation.models import Cart, CartItem, Event, Product
from automation.properties import number
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of
from automation.visits import carts_as_they_were, stood

_events = table_of(Event).c
_products = table_of(Product).c
_fall, _look = (table_of(Event).alias(name) for name in ("fall", "look"))
_items, _carts = table_of(CartItem), table_of(Cart)

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
    not_kept = ("Prices and stock are taken as they are today, and so is what is in a cart.",)

    def occurrences(
        self, settings: PriceDroppedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        now = window.now
        source: Any = table_of(Event)
        who: ColumnElement[Any] = window.who
        if anchor is None:
            seen = _interested(settings, window)
            source = source.join(seen, seen.c.drop_id == _events.id)
            who = seen.c.customer_id
        before, after = number(_events.properties, "from"), number(_events.properties, "to")
        fall = before - after
        since = later(_events.at, literal(-float(settings.within_days)))
        return Occurrences(
            source=source.join(table_of(Product), _products.id == _events.product_id),
            store_id=_events.store_id,
            customer_id=who,
            key=cast(_events.id, String()),
            at=_events.at,
            subject_id=_events.id,
            within=(_events.name == _DROP) & (_events.at > window.since) & (_events.at <= window.until),
            conditions={
                "the price is still as low": _products.price <= after,
                "the product can still be bought": is_there(),
                "the customer has not bought it": ~bought(who, _events.product_id, since, now),
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
        drop, look = _fall.c, _look.c
        parts.append(
            _falls(look.customer_id, window)
            .join(_look, (look.product_id == drop.product_id) & (look.name == "product.viewed"))
            .where(look.customer_id.is_not(None), *_lately(look.at, drop.at, settings))
        )
    if settings.interest != "viewed":
        drop, item = _fall.c, _items.c
        carts = carts_as_they_were() if window.is_replay else _carts
        cart: Any = carts.c
        of_then = [stood(cart, drop.at)] if window.is_replay else []
        parts.append(
            _falls(cart.customer_id, window)
            .join(_items, item.product_id == drop.product_id)
            .join(carts, cart.id == item.cart_id)
            .where(cart.customer_id.is_not(None), *_lately(cart.last_activity_at, drop.at, settings), *of_then)
        )
    return union(*parts).subquery("interested")


def _falls(customer_id: Any, window: Window) -> Any:
    drop = _fall.c
    return (
        select(drop.id.label("drop_id"), customer_id.label("customer_id"))
        .select_from(_fall)
        .where(drop.store_id == window.store_id, drop.name == _DROP, drop.at > window.since, drop.at <= window.until)
    )


def _lately(at: Any, fell_at: Any, settings: PriceDroppedSettings) -> tuple[ColumnElement[bool], ...]:
    return at <= fell_at, at > later(fell_at, literal(-float(settings.within_days)))
