"""A cart was left with something in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement, case, exists, func, literal, or_, select

from automation.models import Cart, CartItem, Order, Product
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


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
    not_kept = ("Carts are kept as they were left last, and stock is taken as it is today.",)

    def occurrences(
        self, settings: CartAbandonedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        idle = timedelta(minutes=settings.idle_minutes)
        left = window.earlier(idle)
        since = Cart.last_activity_at if anchor is None else anchor
        now = window.now
        begun: ColumnElement[bool] = func.coalesce(Cart.checkout_at <= now, literal(value=False))
        entry = {"the cart is worth enough": Cart.total >= settings.minimum}
        if settings.intent == "checkout":
            entry["the customer had begun to pay"] = begun
        # A stronger intent pulls the customer out: a campaign for checkouts takes over.
        weaker = {"the customer had not begun to pay": ~begun} if settings.intent == "cart" else {}
        return Occurrences(
            source=Cart.__table__,
            store_id=Cart.store_id.expression,
            customer_id=Cart.customer_id.expression,
            key=Cart.external_id.expression,
            at=Cart.last_activity_at.expression,
            delay=idle,
            subject_id=Cart.id.expression,
            within=(Cart.last_activity_at > left.since) & (Cart.last_activity_at <= left.until),
            conditions={
                "the cart still has items": Cart.item_count > 0,
                "the cart still exists": or_(Cart.deleted_at.is_(None), Cart.deleted_at > now),
                "the cart was not ordered": or_(Cart.ordered_at.is_(None), Cart.ordered_at > now),
                "no order was placed since the cart was left": ~exists(
                    select(1).where(
                        Order.customer_id == Cart.customer_id, Order.placed_at > since, Order.placed_at <= now
                    )
                ),
                "something in the cart can still be bought": _in_stock(),
                **weaker,
            },
            entry=entry,
        )


def _in_stock() -> ColumnElement[bool]:
    # A thing that we do not know, or whose stock is not counted, is taken to be there; so is a cart we know no lines
    # of. A figure rather than two EXISTS: PostgreSQL may answer those by hashing every line of every cart.
    is_there = or_(Product.id.is_(None), (Product.state == "active") & (func.coalesce(Product.stock, 1) > 0))
    best = (
        select(func.max(case((is_there, 1), else_=0)))
        .select_from(CartItem)
        .outerjoin(Product, Product.id == CartItem.product_id)
        .where(CartItem.cart_id == Cart.id)
        .correlate(Cart)
        .scalar_subquery()
    )
    return func.coalesce(best, 1) == 1
