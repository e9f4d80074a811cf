"""What can have happened to a customer: the store's own families of events, and events of any other name.

A new family is one entry in `_ALL`: where its rows are, when each happened, and what may be asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, func, or_, select

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
from automation.upsert import table_of

Sql = Callable[[], Any]

# Tables rather than classes: statements on them are built in half the time.
_campaigns = table_of(Campaign)
_cart_items = table_of(CartItem)
_carts = table_of(Cart)
_enrolments = table_of(Enrolment)
_events = table_of(Event)
_hits = table_of(MessageEvent)
_messages = table_of(Message)
_order_items = table_of(OrderItem)
_orders = table_of(Order)
_products = table_of(Product)
_templates = table_of(Template)
_versions = table_of(TemplateVersion)


@dataclass(frozen=True, slots=True)
class Property:
    """Something that a filter or a sum may ask of each event."""

    name: str
    type: ValueType
    words: str
    """As it stands in a sentence: "total", "the discount codes"."""
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
    kind: tuple[Any, str] | None = None
    """For a family whose source is a join: the column and the value that say what happened."""
    count: Sql = func.count
    properties: dict[str, Property] = field(default_factory=dict)
    lines: Lines | None = None
    json: Any = None
    """The column whose parts may be asked for by a path."""
    json_prefix: str = ""
    """What a path into `json` begins with."""


def _listed(*properties: Property) -> dict[str, Property]:
    return {p.name: p for p in properties}


def _campaign(of: Table) -> Sql:
    return lambda: (
        select(_campaigns.c.public_id).where(_campaigns.c.id == of.c.campaign_id).correlate(of).scalar_subquery()
    )


def _template() -> Any:
    return (
        select(_templates.c.name)
        .join(_versions, _versions.c.template_id == _templates.c.id)
        .where(_versions.c.id == _messages.c.template_version_id)
        .correlate(_messages)
        .scalar_subquery()
    )


def _line_properties(item: Any) -> tuple[Property, ...]:
    return (
        Property("product", "lines", "product", lambda: item.c.product_external_id),
        Property("variant", "lines", "variant", lambda: item.c.variant_external_id),
        Property("sku", "lines", "article number", lambda: item.c.sku),
        Property("category", "lines", "product category", lambda: _products.c.category),
        Property("vendor", "lines", "vendor", lambda: _products.c.vendor),
        Property("tag", "lines", "product tag", lambda: _products.c.tags),
    )


def _lines(item: Any, key: Any, owner: Any) -> Lines:
    return Lines(
        source=lambda: item.outerjoin(_products, _products.c.id == item.c.product_id),
        belongs=lambda: key == owner.c.id,
    )


_ORDER = _listed(
    Property("total", "number", "total", lambda: _orders.c.total, is_money=True),
    Property("net", "number", "total after refunds", lambda: _orders.c.total - _orders.c.refunded, is_money=True),
    Property("refunded", "number", "refund", lambda: _orders.c.refunded, is_money=True),
    Property("discount", "number", "discount", lambda: _orders.c.discount, is_money=True),
    Property("shipping", "number", "shipping cost", lambda: _orders.c.shipping, is_money=True),
    Property("currency", "text", "currency", lambda: _orders.c.currency),
    Property("code", "tags", "discount codes", lambda: _orders.c.codes),
    Property(
        "item_count",
        "number",
        "number of pieces",
        lambda: (
            select(func.coalesce(func.sum(_order_items.c.quantity), 0))
            .where(_order_items.c.order_id == _orders.c.id)
            .correlate(_orders)
            .scalar_subquery()
        ),
    ),
    *_line_properties(_order_items),
)
_CART = _listed(
    Property("total", "number", "total", lambda: _carts.c.total, is_money=True),
    Property("item_count", "number", "number of pieces", lambda: _carts.c.item_count),
    Property("currency", "text", "currency", lambda: _carts.c.currency),
    Property("is_checkout", "boolean", "a payment begun", lambda: _carts.c.checkout_at.is_not(None)),
    *_line_properties(_cart_items),
)
_MAIL = _listed(
    Property("campaign", "text", "campaign", _campaign(_messages)),
    Property("template", "text", "template", _template),
    Property("class", "text", "class", lambda: _messages.c.mail_class),
    Property("topic", "text", "topic", lambda: _messages.c.topic),
    Property("step", "text", "step", lambda: _messages.c.step_id),
)
_CLICK = {**_MAIL, **_listed(Property("url", "text", "link", lambda: _hits.c.url))}


def _order(name: str, verb: str, at: Any, where: Callable[[datetime], Sequence[ColumnElement[bool]]]) -> Family:
    return Family(
        name=name,
        verb=verb,
        one="order",
        many="orders",
        source=lambda: _orders,
        store_id=_orders.c.store_id,
        customer_id=_orders.c.customer_id,
        at=at,
        where=where,
        properties=_ORDER,
        lines=_lines(_order_items, _order_items.c.order_id, _orders),
        json=_orders.c.source,
        json_prefix="source.",
    )


def _kept(now: datetime) -> list[ColumnElement[bool]]:
    return [or_(_orders.c.cancelled_at.is_(None), _orders.c.cancelled_at > now)]


def _mail(name: str, verb: str, at: Any) -> Family:
    return Family(
        name=name,
        verb=verb,
        one="mail",
        many="mails",
        source=lambda: _messages,
        store_id=_messages.c.store_id,
        customer_id=_messages.c.customer_id,
        at=at,
        where=lambda _: [_messages.c.is_test.is_(False)],
        properties=_MAIL,
    )


def _read(name: str, verb: str, kind: str) -> Family:
    # A customer may open one mail ten times: mails are counted, not hits.
    return Family(
        name=name,
        verb=verb,
        one="mail",
        many="mails",
        source=lambda: _hits.join(_messages, _messages.c.id == _hits.c.message_id),
        store_id=_messages.c.store_id,
        customer_id=_messages.c.customer_id,
        at=_hits.c.at,
        where=lambda _: [_hits.c.is_machine.is_(False), _messages.c.is_test.is_(False)],
        kind=(_hits.c.type, kind),
        count=lambda: func.count(_messages.c.id.distinct()),
        properties=_CLICK if kind == "click" else _MAIL,
    )


def _of_events(
    name: str, where: Callable[[datetime], Sequence[ColumnElement[bool]]], verb: str, one: str, many: str
) -> Family:
    return Family(
        name=name,
        verb=verb,
        one=one,
        many=many,
        source=lambda: _events,
        store_id=_events.c.store_id,
        customer_id=_events.c.customer_id,
        at=_events.c.at,
        where=where,
        json=_events.c.properties,
    )


VISITS = ("viewed", "visited", "searched", "seen", "added_to_cart", "logged_in")
"""Last words of the events that only somebody who is there can cause."""


def _is_visit() -> ColumnElement[bool]:
    ends = (_events.c.name.endswith(f".{word}", autoescape=True) for word in VISITS)
    return or_(_events.c.name.in_(VISITS), *ends)


_ALL = (
    _order("order.placed", "placed", _orders.c.placed_at, _kept),
    _order("order.paid", "paid", _orders.c.paid_at, _kept),
    _order("order.fulfilled", "were sent", _orders.c.fulfilled_at, _kept),
    _order("order.delivered", "received", _orders.c.delivered_at, _kept),
    _order("order.cancelled", "cancelled", _orders.c.cancelled_at, lambda _: ()),
    Family(
        name="cart.left",
        verb="left",
        one="cart",
        many="carts",
        source=lambda: _carts,
        store_id=_carts.c.store_id,
        customer_id=_carts.c.customer_id,
        at=_carts.c.last_activity_at,
        where=lambda now: [
            _carts.c.item_count > 0,
            or_(_carts.c.ordered_at.is_(None), _carts.c.ordered_at > now),
            or_(_carts.c.deleted_at.is_(None), _carts.c.deleted_at > now),
        ],
        properties=_CART,
        lines=_lines(_cart_items, _cart_items.c.cart_id, _carts),
        json=_carts.c.source,
        json_prefix="source.",
    ),
    _mail("mail.sent", "were sent", _messages.c.accepted_at),
    _mail("mail.delivered", "received", _messages.c.delivered_at),
    _mail("mail.bounced", "could not be reached with", _messages.c.bounced_at),
    _mail("mail.unsubscribed", "unsubscribed by", _messages.c.unsubscribed_at),
    _read("mail.opened", "opened", "open"),
    _read("mail.clicked", "clicked in", "click"),
    Family(
        name="campaign.entered",
        verb="entered",
        one="campaign",
        many="campaigns",
        source=lambda: _enrolments,
        store_id=_enrolments.c.store_id,
        customer_id=_enrolments.c.customer_id,
        at=_enrolments.c.entered_at,
        properties=_listed(Property("campaign", "text", "campaign", _campaign(_enrolments))),
    ),
    _of_events("visit", lambda _: [_is_visit()], verb="made", one="visit", many="visits"),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
"""The store's own events, by name."""


def family(name: str) -> Family:
    """A family of the store's own, or the events of a name."""
    return FAMILIES.get(name) or _of_events(
        name,
        lambda _: [_events.c.name == name],
        verb="had",
        one=f"“{name}”",
        many=f"“{name}”",
    )
