"""Everything that happened with one customer, in time order, newest first, from eight tables at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, and_, func, literal, null, or_, select, union_all
from sqlalchemy.orm import Session

from automation.models import (
    SENT,
    Campaign,
    Cart,
    CartItem,
    Consent,
    Decision,
    Enrolment,
    Event,
    Message,
    MessageEvent,
    Order,
    Template,
    TemplateVersion,
)
from webapp.queries.paging import Mark, Page

PAGE = 30

Statement = Select[*tuple[Any, ...]]

GROUPS: dict[str, tuple[str, ...]] = {
    "mails": ("mail", "response"),
    "decisions": ("decision",),
    "campaigns": ("journey",),
    "carts": ("cart",),
    "orders": ("order",),
    "events": ("event",),
    "consent": ("consent",),
}
"""The filter chips, and the kinds of moments behind each."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. What it is called is said by `webapp.queries.moments`."""

    kind: str
    id: int
    at: datetime
    what: str
    """The word that tells it from others of its kind: an event's name, a message's state, a decision's outcome."""
    facts: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    campaign_id: str | None = None
    campaign: str = ""
    mail: str = ""


def timeline(session: Session, customer_id: int, group: str | None, after: Mark | None) -> Page[Moment]:
    """A page of moments, perhaps of one group of kinds only; one statement per kind."""
    kinds = GROUPS.get(group or "", tuple(SOURCES))
    found: list[Moment] = []
    for kind in kinds:
        found.extend(SOURCES[kind](session, customer_id, after))
    found.sort(key=lambda m: (m.at, m.kind, m.id), reverse=True)
    shown = found[:PAGE]
    return Page(shown, Mark(shown[-1].at, shown[-1].id, shown[-1].kind) if len(found) > PAGE else None)


def _after(kind: str, at: Any, number: Any, after: Mark | None) -> Any:
    """Rows of a kind below the mark, when all kinds are ordered together by (at, kind, id)."""
    if after is None:
        return at.is_not(None)
    if kind < after.kind:
        return at <= after.at
    if kind == after.kind:
        return or_(at < after.at, and_(at == after.at, number < after.id))
    return at < after.at


def _cut(
    statement: Select[*tuple[Any, ...]], kind: str, at: Any, number: Any, after: Mark | None
) -> Select[*tuple[Any, ...]]:
    return statement.where(_after(kind, at, number, after)).order_by(at.desc(), number.desc()).limit(PAGE + 1)


def _events(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    statement = select(Event.id, Event.at, Event.name, Event.properties).where(Event.customer_id == customer_id)
    for row in session.execute(_cut(statement, "event", Event.at, Event.id, after)):
        yield Moment("event", row.id, row.at, row.name, row.properties)


def _orders(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    statement = select(
        Order.id, Order.placed_at, Order.number, Order.external_id, Order.total, Order.refunded, Order.currency,
        Order.cancelled_at, Order.fulfilled_at, Order.delivered_at,
    ).where(Order.customer_id == customer_id)  # fmt: skip
    for row in session.execute(_cut(statement, "order", Order.placed_at, Order.id, after)):
        facts = {
            "number": row.number or row.external_id,
            "total": row.total,
            "refunded": row.refunded,
            "currency": row.currency,
            "cancelled_at": row.cancelled_at,
            "fulfilled_at": row.fulfilled_at,
            "delivered_at": row.delivered_at,
        }
        yield Moment("order", row.id, row.placed_at, "cancelled" if row.cancelled_at else "placed", facts)


def _carts(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    first = (
        select(CartItem.title)
        .where(CartItem.cart_id == Cart.id)
        .order_by(CartItem.position)
        .limit(1)
        .correlate(Cart)
        .scalar_subquery()
    )
    statement = select(
        Cart.id, Cart.last_activity_at, Cart.total, Cart.currency, Cart.item_count, Cart.ordered_at,
        Cart.deleted_at, Cart.checkout_at, first.label("first"),
    ).where(Cart.customer_id == customer_id)  # fmt: skip
    for row in session.execute(_cut(statement, "cart", Cart.last_activity_at, Cart.id, after)):
        what = "ordered" if row.ordered_at else "emptied" if not row.item_count or row.deleted_at else "open"
        facts = {
            "total": row.total,
            "currency": row.currency,
            "pieces": row.item_count,
            "first": row.first or "",
            "is_checkout": row.checkout_at is not None,
        }
        yield Moment("cart", row.id, row.last_activity_at, what, facts)


def _mails(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    at = func.coalesce(Message.accepted_at, Message.created_at, type_=Message.created_at.type)
    statement = (
        select(
            Message.id, at.label("at"), Message.state, Message.public_id, Message.is_test, Message.reason,
            Campaign.public_id.label("campaign_id"), Campaign.name.label("campaign"), Template.title,
        )
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.customer_id == customer_id)
    )  # fmt: skip
    for row in session.execute(_cut(statement, "mail", at, Message.id, after)):
        facts = {"is_test": row.is_test, "is_sent": row.state in SENT, "reason": row.reason}
        yield Moment("mail", row.id, row.at, row.state, facts, row.public_id, row.campaign_id, row.campaign, row.title)


def _responses(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    statement = (
        select(
            MessageEvent.id, MessageEvent.at, MessageEvent.type, MessageEvent.reason, MessageEvent.url,
            MessageEvent.is_machine, Message.public_id, Template.title,
        )
        .join(Message, Message.id == MessageEvent.message_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        # That the provider took it is the moment of the mail itself.
        .where(Message.customer_id == customer_id, MessageEvent.type != "accepted")
    )  # fmt: skip
    for row in session.execute(_cut(statement, "response", MessageEvent.at, MessageEvent.id, after)):
        facts = {"reason": row.reason, "url": row.url, "is_machine": row.is_machine}
        yield Moment("response", row.id, row.at, row.type, facts, message_id=row.public_id, mail=row.title)


def _decisions(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    statement = (
        select(
            Decision.id, Decision.at, Decision.outcome, Decision.reason, Decision.facts, Decision.until,
            Message.public_id, Campaign.public_id.label("campaign_id"), Campaign.name.label("campaign"),
            Template.title,
        )
        .join(Message, Message.id == Decision.message_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .outerjoin(Campaign, Campaign.id == Decision.campaign_id)
        .where(Decision.customer_id == customer_id)
    )  # fmt: skip
    for row in session.execute(_cut(statement, "decision", Decision.at, Decision.id, after)):
        facts = {"reason": row.reason, "facts": row.facts, "until": row.until}
        yield Moment(
            "decision", row.id, row.at, row.outcome, facts, row.public_id, row.campaign_id, row.campaign, row.title
        )


def _journeys(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    # Entering and leaving are two moments of one row, told apart by their ids: even for the one, odd for the other.
    entered = select(
        (Enrolment.id * 2).label("number"), Enrolment.entered_at.label("at"), literal("entered").label("what"),
        null().cast(String).label("reason"), Enrolment.campaign_id,
    ).where(Enrolment.customer_id == customer_id)  # fmt: skip
    left = select(
        (Enrolment.id * 2 + 1).label("number"), Enrolment.ended_at.label("at"), Enrolment.state.label("what"),
        Enrolment.exit_reason.label("reason"), Enrolment.campaign_id,
    ).where(Enrolment.customer_id == customer_id, Enrolment.ended_at.is_not(None))  # fmt: skip
    both = union_all(entered, left).subquery()
    statement = select(both, Campaign.public_id, Campaign.name).join(Campaign, Campaign.id == both.c.campaign_id)
    for row in session.execute(_cut(statement, "journey", both.c.at, both.c.number, after)):
        yield Moment(
            "journey", row.number, row.at, row.what, {"reason": row.reason or ""},
            campaign_id=row.public_id, campaign=row.name,
        )  # fmt: skip


def _consents(session: Session, customer_id: int, after: Mark | None) -> Iterable[Moment]:
    statement = select(Consent.id, Consent.at, Consent.status, Consent.topic, Consent.source, Consent.detail).where(
        Consent.customer_id == customer_id
    )
    for row in session.execute(_cut(statement, "consent", Consent.at, Consent.id, after)):
        facts = {"topic": row.topic, "source": row.source, "detail": row.detail}
        yield Moment("consent", row.id, row.at, row.status, facts)


SOURCES: dict[str, Callable[[Session, int, Mark | None], Iterable[Moment]]] = {
    "event": _events,
    "order": _orders,
    "cart": _carts,
    "mail": _mails,
    "response": _responses,
    "decision": _decisions,
    "journey": _journeys,
    "consent": _consents,
}
