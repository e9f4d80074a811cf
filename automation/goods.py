"""Which products a trigger means, and what triggers ask about buying: was it bought, can it be had."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import ColumnElement, exists, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from automation.models import Cart, Order, OrderItem, Product
from automation.rules.dialects import at_path, json_has
from automation.trigger import Window
from automation.upsert import table_of
from automation.visits import carts_as_they_were, stood

Instant = datetime | ColumnElement[datetime] | InstrumentedAttribute[datetime]
Column = ColumnElement[Any] | InstrumentedAttribute[Any]
_products = table_of(Product).c
_own = table_of(Order)
# Made once, and one for each place that looks beside the row it is asked for: a sweep asks every second or so, and
# making an alias anew takes longer than all else about a statement.
_after, _bought, _other = (table_of(Order).alias(name) for name in ("order_after", "order_with", "order_before"))
_item, _held = (table_of(OrderItem).alias(name) for name in ("item_of", "item_held"))
_what, _kept = (table_of(Product).alias(name) for name in ("product_of", "product_held"))
_cart = table_of(Cart).alias("cart_begun").c
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Goods(BaseModel):
    """Some of a store's products; with nothing named, all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    products: list[Name] = Field(default_factory=list, max_length=500, description="The shop's ids of products.")
    categories: list[Name] = Field(default_factory=list, max_length=500, description="Categories as the shop says.")
    tags: list[Name] = Field(default_factory=list, max_length=50, description="Tags of products.")

    @property
    def is_everything(self) -> bool:
        """True when nothing is named."""
        return not (self.products or self.categories or self.tags)

    def match(self, product: Any = _products) -> ColumnElement[bool]:
        """True for a product that is one of them."""
        if self.is_everything:
            return true()
        parts: list[ColumnElement[bool]] = []
        if self.products:
            parts.append(product.external_id.in_(self.products))
        if self.categories:
            parts.append(product.category.in_(self.categories))
        parts += [func.coalesce(json_has(*at_path(product.tags, ()), tag), false()) for tag in self.tags]
        return or_(*parts)


def ordered(customer_id: Column, since: Instant, until: Instant) -> ColumnElement[bool]:
    """The customer placed an order after `since`, up to `until`."""
    order = _after.c
    return exists(
        select(1).where(
            order.customer_id == customer_id,
            order.placed_at > since,
            order.placed_at <= until,
            stands(order, until),
        )
    )


def bought(
    customer_id: Column,
    which: Goods | Column,
    since: Instant,
    until: Instant,
    *,
    is_later: bool = False,
) -> ColumnElement[bool]:
    """The customer ordered one of some products, or the one product, from `since` on, up to `until`.

    `is_later` leaves out what was ordered at `since` itself.
    """
    order, item, product = _bought.c, _item.c, _what.c
    found = (
        select(1)
        .select_from(_bought)
        .join(_item, item.order_id == order.id)
        .where(
            order.customer_id == customer_id,
            order.placed_at > since if is_later else order.placed_at >= since,
            order.placed_at <= until,
            stands(order, until),
        )
    )
    if isinstance(which, Goods):
        found = found.join(_what, product.id == item.product_id).where(which.match(product))
    else:
        found = found.where(item.product_id == which)
    return exists(found)


def began_cart(customer_id: Column, since: Instant, window: Window) -> ColumnElement[bool]:
    """The customer put something in a cart, or touched one that is not empty, after `since`, by a window's now."""
    until = window.now
    cart: Any = carts_as_they_were().c if window.is_replay else _cart
    of_then = [stood(cart, until)] if window.is_replay else []
    return exists(
        select(1).where(
            cart.customer_id == customer_id,
            cart.last_activity_at > since,
            cart.created_at <= until,
            or_(cart.item_count > 0, cart.ordered_at.is_not(None)),
            *of_then,
        )
    )


def holds(which: Goods, order_id: Column) -> ColumnElement[bool]:
    """One of the products is in the order."""
    item, product = _held.c, _kept.c
    return exists(
        select(1)
        .select_from(_held)
        .join(_kept, product.id == item.product_id)
        .where(item.order_id == order_id, which.match(product))
    )


def earlier_orders(what: Any, until: Instant, *, including: bool = False) -> ColumnElement[int]:
    """A figure (`func.count`, `func.sum` …, given the table to read) over the customer's orders before this one."""
    order, other = _own.c, _other.c
    before = or_(other.placed_at < order.placed_at, (other.placed_at == order.placed_at) & (other.id < order.id))
    found = select(what(other)).where(
        other.customer_id == order.customer_id,
        or_(before, other.id == order.id) if including else before,
        stands(other, until),
    )
    # Said outright: it may stand inside another subquery, which SQLAlchemy would not look beyond.
    return func.coalesce(found.correlate(_own).scalar_subquery(), 0)


def stands(order: Any, until: Instant) -> ColumnElement[bool]:
    """The order was not cancelled, as of `until`."""
    return or_(order.cancelled_at.is_(None), order.cancelled_at > until)


def is_there(product: Any = _products, least: int = 1) -> ColumnElement[bool]:
    """The product is sold and there are at least so many pieces; a stock that is not counted is taken to be there."""
    found: ColumnElement[bool] = (product.state == "active") & (func.coalesce(product.stock, least) >= least)
    return found
