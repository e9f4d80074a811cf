"""What key figures are told apart by: store, segment, channel, device, country, campaign, mail, link.

A dimension says, of orders, carts, mails and consents, which of its values each belongs to. What it cannot tell
(a cart belongs to no campaign) it leaves out, and the figures made of it are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from automation.insights.report import Asked
from automation.insights.touches.channels import CHANNELS, DEVICES, touch_of
from automation.models import (
    Campaign,
    Cart,
    Consent,
    Conversion,
    Customer,
    Message,
    MessageEvent,
    Order,
    OrderTouch,
    Template,
    TemplateVersion,
)
from automation.rules.scope import scope_of
from automation.rules.sql import predicate

MOST_SEGMENTS = 20
"""The first so many of a store's segments, by name, are told apart."""


@dataclass(frozen=True, slots=True)
class Side:
    """How one kind of rows gets its value: joins as (target, condition, is_outer), and the value itself."""

    key: ColumnElement[Any]
    joins: Sequence[tuple[Any, ColumnElement[bool], bool]] = ()

    def apply(self, statement: Select[Any]) -> Select[Any]:
        """The statement with the joins that the value needs."""
        for target, condition, is_outer in self.joins:
            statement = statement.join(target, condition, isouter=is_outer)
        return statement


@dataclass(frozen=True, slots=True)
class Dimension:
    """One way to tell figures apart."""

    title: str
    orders: Side
    carts: Side | None = None
    mails: Side | None = None
    consents: Side | None = None
    clicks: Side | None = None
    """Of clicks, where mails as such have no value: a link."""
    reads: Callable[[str], str] = str
    """What a cart's value is in the end, where it has to be read first."""


def _text(column: Any) -> ColumnElement[Any]:
    return func.coalesce(cast(column, String), "")


def dimension(session: Session, asked: Asked, name: str) -> Dimension:
    """A dimension by its name; those of `DIMENSIONS`."""
    return DIMENSIONS[name][1](session, asked)


def _store(_session: Session, _asked: Asked) -> Dimension:
    all_alike = Side(literal("", String))
    return Dimension("Store", all_alike, all_alike, all_alike, all_alike)


def _touched(title: str, column: str, usual: str) -> Callable[[Session, Asked], Dimension]:
    def make(_session: Session, _asked: Asked) -> Dimension:
        touch = aliased(OrderTouch)
        key = func.coalesce(cast(getattr(touch, column), String), usual)
        orders = Side(key, [(touch, touch.order_id == Order.id, True)])
        # A cart keeps what it was told; few different ones are read after they were counted.
        carts = Side(_text(Cart.source)) if column in ("channel", "device") else None
        return Dimension(title, orders, carts, reads=lambda value: str(getattr(touch_of(_json(value)), column)))

    return make


def _json(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _country(_session: Session, _asked: Asked) -> Dimension:
    def lived(owner: Any) -> Side:
        customer = aliased(Customer)
        return Side(func.coalesce(customer.country, ""), [(customer, customer.id == owner, True)])

    touch, customer = aliased(OrderTouch), aliased(Customer)
    orders = Side(
        func.coalesce(touch.country, customer.country, ""),
        [(touch, touch.order_id == Order.id, True), (customer, customer.id == Order.customer_id, True)],
    )
    return Dimension("Country", orders, lived(Cart.customer_id), lived(Message.customer_id), lived(Consent.customer_id))


def _segment(session: Session, asked: Asked) -> Dimension:
    scope = scope_of(session, asked.store_id)
    named = sorted(((name, scope.rules[number]) for number, name in scope.names.items()), key=lambda one: one[0])[
        :MOST_SEGMENTS
    ]
    parts = [
        select(literal(name, String).label("key"), Customer.id.label("customer_id")).where(
            Customer.store_id == asked.store_id, Customer.erased_at.is_(None), predicate(rule, asked.now, scope)
        )
        for name, rule in named[:MOST_SEGMENTS]
    ]
    nobody = select(literal("", String).label("key"), literal(0, Integer).label("customer_id")).where(literal(1) == 0)
    members = (union_all(*parts) if parts else nobody).cte("members")

    def within(owner: Any) -> Side:
        alias = members.alias()
        return Side(alias.c.key, [(alias, alias.c.customer_id == owner, False)])

    return Dimension(
        "Segment",
        within(Order.customer_id),
        within(Cart.customer_id),
        within(Message.customer_id),
        within(Consent.customer_id),
    )


def _campaign(_session: Session, _asked: Asked) -> Dimension:
    def named(campaign_id: Any, before: Sequence[Any] = ()) -> Side:
        campaign = aliased(Campaign)
        # The id tells campaigns of one name apart; it is taken off before it is shown.
        key = func.coalesce(cast(campaign.id, String), "") + ":" + func.coalesce(campaign.name, "No campaign")
        return Side(key, [*before, (campaign, campaign.id == campaign_id, True)])

    orders, mail = _credited()
    return Dimension("Campaign", named(mail.campaign_id, orders), mails=named(Message.campaign_id))


def _credited() -> tuple[list[tuple[Any, ColumnElement[bool], bool]], Any]:
    credit, mail = aliased(Conversion), aliased(Message)
    return [(credit, credit.order_id == Order.id, False), (mail, mail.id == credit.message_id, False)], mail


def _template(version_id: Any, before: Sequence[Any] = (), link: Any = None) -> Side:
    version, template = aliased(TemplateVersion), aliased(Template)
    key: ColumnElement[Any] = cast(template.id, String) + ":" + template.title
    if link is not None:
        key = key + " · link " + func.coalesce(cast(link, String), "?")
    return Side(
        key,
        [
            *before,
            (version, version.id == version_id, False),
            (template, template.id == version.template_id, False),
        ],
    )


def _message(_session: Session, _asked: Asked) -> Dimension:
    orders, mail = _credited()
    return Dimension("Mail", _template(mail.template_version_id, orders), mails=_template(Message.template_version_id))


def _link(_session: Session, _asked: Asked) -> Dimension:
    orders, mail = _credited()
    credit = orders[0][0]
    event = aliased(MessageEvent)
    clicked = and_(event.message_id == Message.id, event.type == "click", event.is_machine.is_(False))
    return Dimension(
        "Link",
        _template(mail.template_version_id, orders, credit.link),
        clicks=_template(Message.template_version_id, [(event, clicked, False)], event.link),
    )


DIMENSIONS: dict[str, tuple[str, Callable[[Session, Asked], Dimension]]] = {
    "store": ("the whole store", _store),
    "channel": ("channel of the order", _touched("Channel", "channel", "unknown")),
    "device": ("device of the order", _touched("Device", "device", "")),
    "country": ("country", _country),
    "segment": ("segment, as it is now", _segment),
    "campaign": ("campaign", _campaign),
    "message": ("mail", _message),
    "link": ("link in a mail", _link),
    "source": ("utm_source", _touched("utm_source", "source", "")),
    "medium": ("utm_medium", _touched("utm_medium", "medium", "")),
    "utm_campaign": ("utm_campaign", _touched("utm_campaign", "campaign", "")),
    "referrer": ("page before", _touched("Page before", "referrer", "")),
}
"""Name → words, and what makes it."""

NUMBERED = frozenset({"campaign", "message", "link"})
"""Dimensions whose values have an id and a colon before their name."""


def shown(name: str, value: str) -> str:
    """A value as people read it."""
    if name == "channel":
        return CHANNELS.get(value, value)
    if name == "device":
        return DEVICES.get(value, value)
    if name in NUMBERED:
        return value.partition(":")[2]
    return value or ("All" if name == "store" else "Not known")
