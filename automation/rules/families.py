"""What can have happened to a customer: the store's own families of events, and events of any other name.

A new family is one entry in `_ALL`: where its rows are, when each happened, and what may be asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, func, or_, select

from automation.models import (
    Campaign,
    Cart,
    CartItem,
    Enrolment,
    Event,
    Message,
    MessageEvent,
    Order,
    OrderItem,
    Product,
    Template,
    TemplateVersion,
)
from automation.rules.operators import ValueType

Sql = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Property:
    """Something that a filter or a sum may ask of each event."""

    name: str
    type: ValueType
    words: str
    """As it stands in a sentence: "a total", "the discount codes"."""
    sql: Sql
    """A column of the event; for `lines`, a column of `Lines.source`."""
    is_money: bool = False
    """True for an amount in minor units."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the products of an order or a cart stand."""

    source: Callable[[], FromClause]
    belongs: Callable[[], ColumnElement[bool]]
    """Joins a line to its event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of thing that happens to customers."""

    name: str
    verb: str
    """As in "they placed 2 orders"."""
    one: str
    many: str
    source: Callable[[], FromClause]
    store_id: Any
    customer_id: Any
    at: Any
    where: Callable[[datetime], Sequence[ColumnElement[bool]]] = lambda _: ()
    """What makes a row one of the family, as of `now`."""
    count: Sql = func.count
    properties: dict[str, Property] = field(default_factory=dict)
    lines: Lines | None = None
    json: Any = None
    """The column whose parts may be asked for by a path."""
    json_prefix: str = ""
    """What a path into `json` begins with."""


def _listed(*properties: Property) -> dict[str, Property]:
    return {p.name: p for p in properties}


def _campaign(of: type[Message | Enrolment]) -> Sql:
    return lambda: select(Campaign.public_id).where(Campaign.id == of.campaign_id).correlate(of).scalar_subquery()


def _template() -> Any:
    return (
        select(Template.name)
        .join(TemplateVersion, TemplateVersion.template_id == Template.id)
        .where(TemplateVersion.id == Message.template_version_id)
        .correlate(Message)
        .scalar_subquery()
    )


def _line_properties(item: Any) -> tuple[Property, ...]:
    return (
        Property("product", "lines", "a product", lambda: item.product_external_id),
        Property("variant", "lines", "a variant", lambda: item.variant_external_id),
        Property("sku", "lines", "an article number", lambda: item.sku),
        Property("category", "lines", "a product category", lambda: Product.category),
        Property("vendor", "lines", "a vendor", lambda: Product.vendor),
        Property("tag", "lines", "a product tag", lambda: Product.tags),
    )


def _lines(item: Any, key: Any, owner: Any) -> Lines:
    return Lines(
        source=lambda: item.__table__.outerjoin(Product.__table__, Product.id == item.product_id),
        belongs=lambda: key == owner.id,
    )


_ORDER = _listed(
    Property("total", "number", "a total", lambda: Order.total, is_money=True),
    Property("net", "number", "a total after refunds", lambda: Order.total - Order.refunded, is_money=True),
    Property("refunded", "number", "a refund", lambda: Order.refunded, is_money=True),
    Property("discount", "number", "a discount", lambda: Order.discount, is_money=True),
    Property("shipping", "number", "a shipping cost", lambda: Order.shipping, is_money=True),
    Property("currency", "text", "a currency", lambda: Order.currency),
    Property("code", "tags", "discount codes", lambda: Order.codes),
    Property(
        "item_count",
        "number",
        "a number of pieces",
        lambda: (
            select(func.coalesce(func.sum(OrderItem.quantity), 0))
            .where(OrderItem.order_id == Order.id)
            .correlate(Order)
            .scalar_subquery()
        ),
    ),
    *_line_properties(OrderItem),
)
_CART = _listed(
    Property("total", "number", "a total", lambda: Cart.total, is_money=True),
    Property("item_count", "number", "a number of pieces", lambda: Cart.item_count),
    Property("currency", "text", "a currency", lambda: Cart.currency),
    Property("is_checkout", "boolean", "a payment begun", lambda: Cart.checkout_at.is_not(None)),
    *_line_properties(CartItem),
)
_MAIL = _listed(
    Property("campaign", "text", "the campaign", _campaign(Message)),
    Property("template", "text", "the mail", _template),
    Property("class", "text", "the class", lambda: Message.mail_class),
    Property("topic", "text", "the topic", lambda: Message.topic),
    Property("step", "text", "the step", lambda: Message.step_id),
)
_CLICK = {**_MAIL, **_listed(Property("url", "text", "the link", lambda: MessageEvent.url))}


def _order(name: str, verb: str, at: Any, where: Callable[[datetime], Sequence[ColumnElement[bool]]]) -> Family:
    return Family(
        name=name,
        verb=verb,
        one="order",
        many="orders",
        source=lambda: Order.__table__,
        store_id=Order.store_id,
        customer_id=Order.customer_id,
        at=at,
        where=where,
        properties=_ORDER,
        lines=_lines(OrderItem, OrderItem.order_id, Order),
        json=Order.source,
        json_prefix="source.",
    )


def _kept(now: datetime) -> list[ColumnElement[bool]]:
    return [or_(Order.cancelled_at.is_(None), Order.cancelled_at > now)]


def _mail(name: str, verb: str, at: Any) -> Family:
    return Family(
        name=name,
        verb=verb,
        one="mail",
        many="mails",
        source=lambda: Message.__table__,
        store_id=Message.store_id,
        customer_id=Message.customer_id,
        at=at,
        where=lambda _: [Message.is_test.is_(False)],
        properties=_MAIL,
    )


def _read(name: str, verb: str, kind: str) -> Family:
    # A customer may open one mail ten times: mails are counted, not hits.
    return Family(
        name=name,
        verb=verb,
        one="mail",
        many="mails",
        source=lambda: MessageEvent.__table__.join(Message.__table__, Message.id == MessageEvent.message_id),
        store_id=Message.store_id,
        customer_id=Message.customer_id,
        at=MessageEvent.at,
        where=lambda _: [
            MessageEvent.type == kind,
            MessageEvent.is_machine.is_(False),
            Message.is_test.is_(False),
        ],
        count=lambda: func.count(Message.id.distinct()),
        properties=_CLICK if kind == "click" else _MAIL,
    )


def _of_events(name: str, where: Callable[[datetime], Sequence[ColumnElement[bool]]], **words: str) -> Family:
    return Family(
        name=name,
        source=lambda: Event.__table__,
        store_id=Event.store_id,
        customer_id=Event.customer_id,
        at=Event.at,
        where=where,
        json=Event.properties,
        **words,
    )


VISITS = ("viewed", "visited", "searched", "seen", "added_to_cart", "logged_in")
"""Last words of the events that only somebody who is there can cause."""


def _is_visit() -> ColumnElement[bool]:
    ends = (Event.name.endswith(f".{word}", autoescape=True) for word in VISITS)
    return or_(Event.name.in_(VISITS), *ends)


_ALL = (
    _order("order.placed", "placed", Order.placed_at, _kept),
    _order("order.paid", "paid", Order.paid_at, _kept),
    _order("order.fulfilled", "were sent", Order.fulfilled_at, _kept),
    _order("order.delivered", "received", Order.delivered_at, _kept),
    _order("order.cancelled", "cancelled", Order.cancelled_at, lambda _: ()),
    Family(
        name="cart.left",
        verb="left",
        one="cart",
        many="carts",
        source=lambda: Cart.__table__,
        store_id=Cart.store_id,
        customer_id=Cart.customer_id,
        at=Cart.last_activity_at,
        where=lambda now: [
            Cart.item_count > 0,
            or_(Cart.ordered_at.is_(None), Cart.ordered_at > now),
            or_(Cart.deleted_at.is_(None), Cart.deleted_at > now),
        ],
        properties=_CART,
        lines=_lines(CartItem, CartItem.cart_id, Cart),
        json=Cart.source,
        json_prefix="source.",
    ),
    _mail("mail.sent", "were sent", Message.accepted_at),
    _mail("mail.delivered", "received", Message.delivered_at),
    _mail("mail.bounced", "could not be reached with", Message.bounced_at),
    _mail("mail.unsubscribed", "unsubscribed by", Message.unsubscribed_at),
    _read("mail.opened", "opened", "open"),
    _read("mail.clicked", "clicked in", "click"),
    Family(
        name="campaign.entered",
        verb="entered",
        one="campaign",
        many="campaigns",
        source=lambda: Enrolment.__table__,
        store_id=Enrolment.store_id,
        customer_id=Enrolment.customer_id,
        at=Enrolment.entered_at,
        properties=_listed(Property("campaign", "text", "the campaign", _campaign(Enrolment))),
    ),
    _of_events("visit", lambda _: [_is_visit()], verb="made", one="visit", many="visits"),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
"""The store's own events, by name."""


def family(name: str) -> Family:
    """A family of the store's own, or the events of a name."""
    return FAMILIES.get(name) or _of_events(
        name,
        lambda _: [Event.name == name],
        verb="had",
        one=f"“{name}”",
        many=f"“{name}”",
    )
