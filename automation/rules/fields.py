"""The catalogue of fields that a rule may ask about, each with its type, its words and its SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from automation.models import Cart, Customer, Order

FieldType = Literal["text", "number", "instant", "tags"]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that is known of a customer."""

    name: str
    type: FieldType
    words: str
    """As it stands in a sentence: "their country"."""
    sql: Callable[[], ColumnElement[Any] | InstrumentedAttribute[Any]]


def _orders(what: ColumnElement[Any]) -> Callable[[], ColumnElement[Any]]:
    def sql() -> ColumnElement[Any]:
        return (
            select(what)
            .where(Order.customer_id == Customer.id, Order.cancelled_at.is_(None))
            .correlate(Customer)
            .scalar_subquery()
        )

    return sql


_ALL = (
    Field("email", "text", "their address", lambda: Customer.email_key),
    Field("first_name", "text", "their first name", lambda: Customer.first_name),
    Field("last_name", "text", "their last name", lambda: Customer.last_name),
    Field("country", "text", "their country", lambda: Customer.country),
    Field("city", "text", "their city", lambda: Customer.city),
    Field("locale", "text", "their language", lambda: Customer.locale),
    Field("timezone", "text", "their time zone", lambda: Customer.timezone),
    Field("tags", "tags", "their tags", lambda: Customer.tags),
    Field("birthday_month", "number", "the month of their birthday", lambda: Customer.birthday_month),
    Field("created_at", "instant", "their first contact", lambda: Customer.created_at),
    Field("engaged_at", "instant", "their last click, order or visit", lambda: Customer.engaged_at),
    Field("order_count", "number", "the number of their orders", _orders(func.count(Order.id))),
    Field(
        "order_total",
        "number",
        "the sum of their orders (minor units)",
        _orders(func.coalesce(func.sum(Order.total - Order.refunded), 0)),
    ),
    Field("last_order_at", "instant", "their last order", _orders(func.max(Order.placed_at))),
    Field(
        "cart_count",
        "number",
        "the number of carts they left",
        lambda: (
            select(func.count(Cart.id))
            .where(Cart.customer_id == Customer.id, Cart.ordered_at.is_(None), Cart.item_count > 0)
            .correlate(Customer)
            .scalar_subquery()
        ),
    ),
)

FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
