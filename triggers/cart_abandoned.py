"""A cart was left with something in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, case, exists, func, literal, or_, select, true

from automation.models import Cart, CartItem, Order, Product
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of
from automation.visits import carts_as_they_were, stood


class CartAbandonedSettings(TriggerSettings):
    """When a cart counts as left."""

    idle_minutes: int = Field(30, ge=1, le=10080, description="Minutes without any change to the cart.")
    intent: Literal["any", "cart", "checkout"] = Field(
        "any", description="Carts, checkouts (the customer had begun to pay), or both."
    )
    minimum: int = Field(0, ge=0, description="Least worth of the cart, in minor units (1999 is 19.99).")


class CartAbandoned(Trigger):
    """Starts when a known customer leaves a cart.

    A cart is left when nothing in it has changed for a while. Each cart starts the campaign once. Before every mail
    it is asked again whether the cart still has something in it that can be bought, and whether the customer has
    ordered since it was left, with this cart or any other. A campaign for carts alone lets go of a customer who begins
    to pay: that is a checkout, and a campaign for checkouts takes it from there.
    """

    label = "Cart abandoned"
    Settings = CartAbandonedSettings
    subject = "cart"
    nothing = "no cart was left"
    not_kept = ("Which things were in a cart is taken as it was left last, and stock as it is today.",)

    def occurrences(
        self, settings: CartAbandonedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        idle = timedelta(minutes=settings.idle_minutes)
        left = window.earlier(idle)
        # Looking back, a cart is several: one for each time it was left.
        source: Any = carts_as_they_were() if window.is_replay else table_of(Cart)
        cart, now = source.c, window.now
        since = cart.last_activity_at if anchor is None else anchor
        begun: ColumnElement[bool] = func.coalesce(cart.checkout_at <= now, literal(value=False))
        entry = {"the cart is worth enough": cart.total >= settings.minimum}
        if settings.intent == "checkout":
            entry["the customer had begun to pay"] = begun
        if window.is_replay:
            entry["the cart had not been touched again"] = stood(cart, now)
        # A stronger intent pulls the customer out: a campaign for checkouts takes over.
        weaker = {"the customer had not begun to pay": ~begun} if settings.intent == "cart" else {}
        return Occurrences(
            source=source,
            store_id=cart.store_id,
            customer_id=cart.customer_id,
            key=cart.external_id,
            at=cart.last_activity_at,
            delay=idle,
            subject_id=cart.id,
            within=(cart.last_activity_at > left.since) & (cart.last_activity_at <= left.until),
            conditions={
                "the cart still has items": cart.item_count > 0,
                "the cart still exists": or_(cart.deleted_at.is_(None), cart.deleted_at > now),
                "the cart was not ordered": or_(cart.ordered_at.is_(None), cart.ordered_at > now),
                "no order was placed since the cart was left": ~exists(
                    select(1).where(
                        Order.customer_id == cart.customer_id, Order.placed_at > since, Order.placed_at <= now
                    )
                ),
                "something in the cart can still be bought": _in_stock(source),
                **weaker,
            },
            entry=entry,
            stood=stood(cart, now) if window.is_replay else true(),
        )


def _in_stock(cart: Any) -> ColumnElement[bool]:
    # A thing that we do not know, or whose stock is not counted, is taken to be there; so is a cart we know no lines
    # of. A figure rather than two EXISTS: PostgreSQL may answer those by hashing every line of every cart.
    is_there = or_(Product.id.is_(None), (Product.state == "active") & (func.coalesce(Product.stock, 1) > 0))
    best = (
        select(func.max(case((is_there, 1), else_=0)))
        .select_from(CartItem)
        .outerjoin(Product, Product.id == CartItem.product_id)
        .where(CartItem.cart_id == cart.c.id)
        .correlate(cart)
        .scalar_subquery()
    )
    return func.coalesce(best, 1) == 1
