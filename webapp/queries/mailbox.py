"""The mailbox: mails as they left, and everything that is known of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, true
from sqlalchemy.orm import Session

from automation.models import (
    SENT,
    Attempt,
    Campaign,
    Connection,
    Customer,
    Decision,
    Message,
    MessageEvent,
    Rendering,
    Store,
    Template,
    TemplateVersion,
)
from webapp.queries.campaigns import called
from webapp.queries.paging import Mark, Page, below

PAGE = 25


@dataclass(frozen=True, slots=True)
class MailRow:
    """A line of the mailbox. The subject is Jinja source and its variables: bodies and subjects are not stored."""

    id: int
    public_id: str
    to_email: str
    name: str
    mail: str
    campaign: str
    state: str
    is_test: bool
    accepted_at: datetime
    opened_at: datetime | None
    clicked_at: datetime | None
    template_version_id: int
    subject: str
    variables: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class MailDetail:
    """One mail, whatever became of it."""

    id: int
    public_id: str
    store_id: int
    state: str
    reason: str
    reason_detail: str
    is_test: bool
    mail_class: str
    topic: str
    to_email: str
    name: str
    customer_id: str
    timezone: str
    campaign_id: str | None
    campaign: str
    mail: str
    template_version: int
    provider: str
    provider_kind: str
    provider_id: str
    base_url: str
    """Where its links point; "" when it was never rendered."""
    due_at: datetime
    expires_at: datetime | None
    created_at: datetime
    accepted_at: datetime | None
    claimed_by: str
    attempt_count: int
    attempt_id: int | None


@dataclass(frozen=True, slots=True)
class Leg:
    """One stretch of a mail's journey."""

    at: datetime
    kind: str
    """draft, decision, rendered, attempt, accepted, event."""
    what: str
    reason: str = ""
    facts: dict[str, Any] | None = None
    until: datetime | None = None
    url: str = ""
    is_machine: bool = False


def _matches(text: str) -> ColumnElement[bool]:
    """Each word stands in the recipient, the subject as it was written, or the campaign."""
    words = text.lower().split()[:5]
    looked_at = (
        func.lower(func.coalesce(Rendering.to_email, Customer.email, "")),
        func.lower(TemplateVersion.subject),
        func.lower(func.coalesce(Campaign.name, "")),
        func.lower(Customer.first_name),
        func.lower(Customer.last_name),
    )
    return and_(true(), *(or_(*(c.contains(word, autoescape=True) for c in looked_at)) for word in words))


def mails(session: Session, store_id: int, text: str, after: Mark | None) -> Page[MailRow]:
    """Mails that a provider took, newest first; `text` is looked for in recipient, subject and campaign."""
    rows = session.execute(
        select(
            Message.id, Message.public_id, Message.state, Message.is_test, Message.accepted_at, Message.opened_at,
            Message.clicked_at, Message.template_version_id, TemplateVersion.subject, Template.title,
            Rendering.to_email, Rendering.variables, Campaign.name.label("campaign"),
            Customer.first_name, Customer.last_name, Customer.email,
        )
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(Rendering, Rendering.message_id == Message.id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(
            Message.store_id == store_id,
            Message.state.in_(SENT),
            Message.accepted_at.is_not(None),
            _matches(text),
            below(Message.accepted_at, Message.id, after),
        )
        .order_by(Message.accepted_at.desc(), Message.id.desc())
        .limit(PAGE + 1)
    ).all()  # fmt: skip
    shown = [
        MailRow(
            id=row.id,
            public_id=row.public_id,
            to_email=row.to_email or row.email or "",
            name=called(row.first_name, row.last_name, row.email),
            mail=row.title,
            campaign=row.campaign or "",
            state=row.state,
            is_test=row.is_test,
            accepted_at=row.accepted_at,
            opened_at=row.opened_at,
            clicked_at=row.clicked_at,
            template_version_id=row.template_version_id,
            subject=row.subject,
            variables=row.variables,
        )
        for row in rows[:PAGE]
    ]
    return Page(shown, Mark(shown[-1].accepted_at, shown[-1].id) if len(rows) > PAGE else None)


def one(session: Session, store_id: int, public_id: str) -> MailDetail | None:
    """A message of a store by its public id; one statement."""
    row = session.execute(
        select(
            Message, Rendering.to_email, Rendering.variables["envelope"]["base_url"].as_string().label("base_url"),
            Campaign.public_id.label("campaign_id"),
            Campaign.name.label("campaign"), Customer.public_id.label("customer_id"), Customer.first_name,
            Customer.last_name, Customer.email, Template.title, TemplateVersion.number,
            Connection.name.label("provider"), Connection.kind,
            func.coalesce(Customer.timezone, Store.timezone).label("timezone"),
        )
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .join(Customer, Customer.id == Message.customer_id)
        .join(Store, Store.id == Message.store_id)
        .outerjoin(Rendering, Rendering.message_id == Message.id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .outerjoin(Connection, Connection.id == Message.connection_id)
        .where(Message.store_id == store_id, Message.public_id == public_id)
    ).one_or_none()  # fmt: skip
    return _detail(row) if row is not None else None


def _detail(row: Row[*tuple[Any, ...]]) -> MailDetail:
    message: Message = row.Message
    return MailDetail(
        id=message.id,
        public_id=message.public_id,
        store_id=message.store_id,
        state=message.state,
        reason=message.reason,
        reason_detail=message.reason_detail,
        is_test=message.is_test,
        mail_class=message.mail_class,
        topic=message.topic,
        to_email=row.to_email or row.email or "",
        name=called(row.first_name, row.last_name, row.email),
        customer_id=row.customer_id,
        timezone=row.timezone,
        campaign_id=row.campaign_id,
        campaign=row.campaign or "",
        mail=row.title,
        template_version=row.number,
        provider=row.provider or "",
        provider_kind=row.kind or "",
        provider_id=message.provider_id or "",
        base_url=row.base_url or "",
        due_at=message.due_at,
        expires_at=message.expires_at,
        created_at=message.created_at,
        accepted_at=message.accepted_at,
        claimed_by=message.claimed_by or "",
        attempt_count=message.attempt_count,
        attempt_id=message.attempt_id,
    )


def journey(session: Session, mail: MailDetail) -> list[Leg]:
    """What happened to a mail from its draft on, oldest first; four statements."""
    legs = [Leg(mail.created_at, "draft", "draft")]
    for decision in session.execute(
        select(Decision.at, Decision.outcome, Decision.reason, Decision.facts, Decision.until)
        .where(Decision.message_id == mail.id)
        .order_by(Decision.at, Decision.id)
    ):
        legs.append(Leg(decision.at, "decision", decision.outcome, decision.reason, decision.facts, decision.until))
    rendered_at = session.execute(
        select(Rendering.rendered_at).where(Rendering.message_id == mail.id)
    ).scalar_one_or_none()
    if rendered_at is not None:
        legs.append(Leg(rendered_at, "rendered", "rendered"))
    attempt = session.execute(
        select(Attempt.started_at, Attempt.finished_at, Attempt.state, Attempt.detail, Attempt.message_ids).where(
            Attempt.id == mail.attempt_id
        )
    ).one_or_none()
    if attempt is not None:
        facts = {"mails": len(attempt.message_ids), "number": mail.attempt_count, "finished_at": attempt.finished_at}
        legs.append(Leg(attempt.started_at, "attempt", attempt.state, attempt.detail, facts))
    if mail.accepted_at is not None:
        legs.append(Leg(mail.accepted_at, "accepted", "accepted"))
    for event in session.execute(
        select(MessageEvent.at, MessageEvent.type, MessageEvent.reason, MessageEvent.url, MessageEvent.is_machine)
        .where(MessageEvent.message_id == mail.id)
        .order_by(MessageEvent.at, MessageEvent.id)
        .limit(200)
    ):
        legs.append(Leg(event.at, "event", event.type, event.reason, url=event.url, is_machine=event.is_machine))
    order = {"draft": 0, "decision": 1, "rendered": 2, "attempt": 3, "accepted": 4, "event": 5}
    return sorted(legs, key=lambda leg: (leg.at, order[leg.kind]))
