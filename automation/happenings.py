"""What happened to a store's customers lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from automation.models import Campaign, Customer, Enrolment, Message, Order, Store, Template, TemplateVersion


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a customer lately."""

    kind: str
    """mail, enrolment or order."""
    at: datetime
    name: str
    customer_id: str
    """Public id."""
    what: str
    state: str = ""
    amount: int | None = None
    currency: str = ""


def happenings(session: Session, store: Store, limit: int = 10) -> list[Happening]:
    """The newest mails, enrolments and orders together, the newest first; one statement."""
    newest = [one(store.id).limit(limit).subquery() for one in (_mails, _entries, _orders)]
    found = union_all(*(select(each) for each in newest)).subquery()
    rows = session.execute(select(found).order_by(found.c.at.desc(), found.c.public_id).limit(limit))
    return [
        Happening(
            row.kind,
            row.at,
            f"{row.first_name} {row.last_name}".strip() or row.email or "A customer",
            row.public_id,
            row.what,
            row.state,
            row.amount,
            row.currency,
        )
        for row in rows
    ]


def _of(kind: str, at: Any, what: Any, state: Any, amount: Any, currency: Any) -> Select[Any]:
    return select(
        literal(kind).label("kind"),
        at.label("at"),
        Customer.first_name,
        Customer.last_name,
        Customer.email,
        Customer.public_id,
        what.label("what"),
        state.label("state"),
        amount.label("amount"),
        currency.label("currency"),
    )


def _mails(store_id: int) -> Select[Any]:
    at = func.coalesce(Message.accepted_at, Message.decided_at, Message.created_at)
    no_amount = cast(null(), BigInteger)
    return (
        _of("mail", at, Template.title, Message.state, no_amount, literal(""))
        .join_from(Message, Customer, Customer.id == Message.customer_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .where(Message.store_id == store_id)
        .order_by(Message.id.desc())
    )


def _entries(store_id: int) -> Select[Any]:
    no_amount = cast(null(), BigInteger)
    return (
        _of("enrolment", Enrolment.entered_at, Campaign.name, literal(""), no_amount, literal(""))
        .join_from(Enrolment, Customer, Customer.id == Enrolment.customer_id)
        .join(Campaign, Campaign.id == Enrolment.campaign_id)
        .where(Enrolment.store_id == store_id)
        .order_by(Enrolment.id.desc())
    )


def _orders(store_id: int) -> Select[Any]:
    return (
        _of("order", Order.placed_at, Order.number, literal(""), Order.total, Order.currency)
        .join_from(Order, Customer, Customer.id == Order.customer_id)
        .where(Order.store_id == store_id)
        .order_by(Order.placed_at.desc())
    )
