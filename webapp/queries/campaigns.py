"""Campaigns: the list with its figures, one campaign, and the people and decisions in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, select, true
from sqlalchemy.orm import Session

from automation.app import App
from automation.differences import differs
from automation.models import (
    SENT,
    Campaign,
    CampaignVersion,
    Conversion,
    Customer,
    Decision,
    Enrolment,
    Message,
    Order,
    Store,
    Template,
    TemplateVersion,
)
from webapp.queries.paging import Mark, Page, below

PAGE = 25


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a campaign. `revenue` is in minor units of the store's currency, net of refunds."""

    entered: int = 0
    waiting: int = 0
    sent: int = 0
    clicked: int = 0
    orders: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A line of the list."""

    id: int
    public_id: str
    name: str
    description: str
    state: str
    state_reason: str
    trigger: str
    """Kind of its trigger; "" when the draft cannot be read."""
    is_changed: bool
    """The draft says something else than what is live."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class CampaignDetail:
    """One campaign, with the definition being edited and the one that is live."""

    id: int
    public_id: str
    store_id: int
    name: str
    description: str
    state: str
    state_reason: str
    draft: dict[str, Any]
    live: dict[str, Any] | None
    version: int | None
    """Number of the live version."""
    live_since: datetime | None
    is_changed: bool
    figures: Figures


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """Somebody's place in a campaign."""

    id: int
    customer_id: str
    customer: str
    state: str
    step_id: str | None
    due_at: datetime
    entered_at: datetime
    ended_at: datetime | None
    exit_reason: str
    timezone: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What the arbiter said of one mail."""

    id: int
    customer_id: str
    customer: str
    message_id: str
    mail: str
    outcome: str
    reason: str
    facts: dict[str, Any]
    until: datetime | None
    at: datetime
    timezone: str


def called(first: str, last: str, email: str | None) -> str:
    """What to call a customer on a page."""
    return f"{first} {last}".strip() or email or "Nameless customer"


def _figures(session: Session, store_id: int, campaign_id: int | None = None) -> dict[int, Figures]:
    def only(statement: Select[*tuple[Any, ...]], column: Any) -> Select[*tuple[Any, ...]]:
        return statement.where(column == campaign_id) if campaign_id is not None else statement

    entered = only(
        select(
            Enrolment.campaign_id,
            func.count(),
            func.sum(case((Enrolment.state == "active", 1), else_=0)),
        )
        .where(Enrolment.store_id == store_id)
        .group_by(Enrolment.campaign_id),
        Enrolment.campaign_id,
    )
    sent = only(
        select(Message.campaign_id, func.count(), func.count(Message.clicked_at))
        .where(Message.store_id == store_id, Message.state.in_(SENT), Message.is_test.is_(False))
        .group_by(Message.campaign_id),
        Message.campaign_id,
    )
    earned = only(
        select(Conversion.campaign_id, func.count(), func.sum(Order.total - Order.refunded))
        .join(Order, Order.id == Conversion.order_id)
        .join(Store, Store.id == Conversion.store_id)
        .where(Conversion.store_id == store_id, Order.cancelled_at.is_(None), Order.currency == Store.currency)
        .group_by(Conversion.campaign_id),
        Conversion.campaign_id,
    )
    people = {row[0]: row for row in session.execute(entered)}
    mails = {row[0]: row for row in session.execute(sent)}
    orders = {row[0]: row for row in session.execute(earned)}
    found: dict[int, Figures] = {}
    for key in people.keys() | mails.keys() | orders.keys():
        _, count, waiting = people.get(key) or (key, 0, 0)
        _, left, clicked = mails.get(key) or (key, 0, 0)
        _, bought, revenue = orders.get(key) or (key, 0, 0)
        found[key] = Figures(count, int(waiting or 0), left, clicked, bought, int(revenue or 0))
    return found


def listing(app: App, session: Session, store_id: int, *, archived: bool = False) -> list[CampaignRow]:
    """The campaigns of a store, what runs first; four statements."""
    rank = case({"live": 0, "stopping": 1, "paused": 2, "draft": 3, "finished": 4}, value=Campaign.state, else_=5)
    rows = session.execute(
        select(
            Campaign.id,
            Campaign.public_id,
            Campaign.name,
            Campaign.description,
            Campaign.state,
            Campaign.state_reason,
            Campaign.draft,
            CampaignVersion.definition,
        )
        .outerjoin(CampaignVersion, CampaignVersion.id == Campaign.live_version_id)
        .where(
            Campaign.store_id == store_id,
            Campaign.state == "archived" if archived else Campaign.state != "archived",
        )
        .order_by(rank, Campaign.name)
    ).all()
    figures = _figures(session, store_id)
    return [
        CampaignRow(
            id=row.id,
            public_id=row.public_id,
            name=row.name,
            description=row.description,
            state=row.state,
            state_reason=row.state_reason,
            trigger=_trigger_kind(row.draft),
            is_changed=differs(app, row.draft, row.definition),
            figures=figures.get(row.id, Figures()),
        )
        for row in rows
    ]


def _trigger_kind(draft: Any) -> str:
    trigger = draft.get("trigger") if isinstance(draft, dict) else None
    return str(trigger.get("kind", "")) if isinstance(trigger, dict) else ""


def archived_count(session: Session, store_id: int) -> int:
    """How many campaigns of a store are archived."""
    found = select(func.count()).select_from(Campaign).where(Campaign.store_id == store_id)
    return session.execute(found.where(Campaign.state == "archived")).scalar_one()


def one(app: App, session: Session, store_id: int, public_id: str) -> CampaignDetail | None:
    """A campaign of a store by its public id; four statements."""
    row = session.execute(
        select(
            Campaign.id,
            Campaign.public_id,
            Campaign.store_id,
            Campaign.name,
            Campaign.description,
            Campaign.state,
            Campaign.state_reason,
            Campaign.draft,
            Campaign.live_since,
            CampaignVersion.definition,
            CampaignVersion.number,
        )
        .outerjoin(CampaignVersion, CampaignVersion.id == Campaign.live_version_id)
        .where(Campaign.store_id == store_id, Campaign.public_id == public_id)
    ).one_or_none()
    if row is None:
        return None
    return CampaignDetail(
        id=row.id,
        public_id=row.public_id,
        store_id=row.store_id,
        name=row.name,
        description=row.description,
        state=row.state,
        state_reason=row.state_reason,
        draft=row.draft,
        live=row.definition,
        version=row.number,
        live_since=row.live_since,
        is_changed=differs(app, row.draft, row.definition),
        figures=_figures(session, store_id, row.id).get(row.id, Figures()),
    )


def people(session: Session, campaign_id: int, state: str | None, after: Mark | None) -> Page[EnrolmentRow]:
    """Who entered a campaign, newest first, perhaps only those in one state; one statement."""
    rows = session.execute(
        select(
            Enrolment.id,
            Enrolment.state,
            Enrolment.step_id,
            Enrolment.due_at,
            Enrolment.entered_at,
            Enrolment.ended_at,
            Enrolment.exit_reason,
            Customer.public_id,
            Customer.first_name,
            Customer.last_name,
            Customer.email,
            func.coalesce(Customer.timezone, Store.timezone).label("timezone"),
        )
        .join(Customer, Customer.id == Enrolment.customer_id)
        .join(Store, Store.id == Enrolment.store_id)
        .where(
            Enrolment.campaign_id == campaign_id,
            Enrolment.state == state if state else true(),
            below(Enrolment.entered_at, Enrolment.id, after),
        )
        .order_by(Enrolment.entered_at.desc(), Enrolment.id.desc())
        .limit(PAGE + 1)
    ).all()
    return _page(rows, [_enrolment(row) for row in rows[:PAGE]], "entered_at")


def _enrolment(row: Row[*tuple[Any, ...]]) -> EnrolmentRow:
    return EnrolmentRow(
        id=row.id,
        customer_id=row.public_id,
        customer=called(row.first_name, row.last_name, row.email),
        state=row.state,
        step_id=row.step_id,
        due_at=row.due_at,
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        exit_reason=row.exit_reason,
        timezone=row.timezone,
    )


def decisions(session: Session, campaign_id: int, outcome: str | None, after: Mark | None) -> Page[DecisionRow]:
    """What the arbiter said of a campaign's mails, newest first; one statement."""
    rows = session.execute(
        select(
            Decision.id,
            Decision.outcome,
            Decision.reason,
            Decision.facts,
            Decision.until,
            Decision.at,
            Message.public_id.label("message_id"),
            Template.title,
            Customer.public_id,
            Customer.first_name,
            Customer.last_name,
            Customer.email,
            func.coalesce(Customer.timezone, Store.timezone).label("timezone"),
        )
        .join(Message, Message.id == Decision.message_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .join(Customer, Customer.id == Decision.customer_id)
        .join(Store, Store.id == Message.store_id)
        .where(
            and_(
                Decision.campaign_id == campaign_id,
                Decision.outcome == outcome if outcome else true(),
                below(Decision.at, Decision.id, after),
            )
        )
        .order_by(Decision.at.desc(), Decision.id.desc())
        .limit(PAGE + 1)
    ).all()
    found = [
        DecisionRow(
            id=row.id,
            customer_id=row.public_id,
            customer=called(row.first_name, row.last_name, row.email),
            message_id=row.message_id,
            mail=row.title,
            outcome=row.outcome,
            reason=row.reason,
            facts=row.facts,
            until=row.until,
            at=row.at,
            timezone=row.timezone,
        )
        for row in rows[:PAGE]
    ]
    return _page(rows, found, "at")


def _page(rows: Any, found: list[Any], at: str) -> Page[Any]:
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return Page(found, Mark(getattr(last, at), last.id) if last is not None else None)
