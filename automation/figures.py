"""The first figures of a store: what the home page shows, each from an index and in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select
from sqlalchemy.orm import Session

from automation.insights.recommendations import checking
from automation.insights.value import checking as value_checking
from automation.models import (
    SENT,
    Campaign,
    Connection,
    ConsentState,
    Conversion,
    Customer,
    Enrolment,
    Feed,
    Heartbeat,
    InboundWebhook,
    Job,
    Message,
    Order,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)

DAYS = 21
RECENT = 5000
"""Failures are looked for among so many of the newest rows."""
FAILING_FEED = 5
"""Failures in a row after which a feed needs a person."""
SILENT = timedelta(minutes=2)
"""A worker that has not been heard of for so long is taken to be down."""


@dataclass(frozen=True, slots=True)
class People:
    """How many customers there are, and how many of them may get news."""

    customers: int
    mailable: int


@dataclass(frozen=True, slots=True)
class Sendings:
    """Mails that a provider took, and what came of them."""

    today: int
    week: int
    clicked_week: int
    revenue: int
    """Of orders after a click in the last 30 days, net of refunds, in minor units of the store's currency."""
    orders: int
    live_campaigns: int


@dataclass(frozen=True, slots=True)
class Belt:
    """Messages that are not done yet."""

    drafts: int
    """Waiting to be decided on."""
    deferred: int
    """Decided on: later."""
    ready: int
    in_flight: int
    retrying: int
    unknown: int
    """The request left, no answer came."""

    @property
    def is_moving(self) -> bool:
        """Whether the next look will show something else."""
        return bool(self.drafts or self.ready or self.in_flight)


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a store."""

    on: date
    sent: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Task:
    """A step of setting up."""

    key: str
    """sender, shop, customers, campaign or provider."""
    is_done: bool
    note: str


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should look at."""

    key: str
    """connection, campaign, webhooks, feed, recommendations, values, unknown, parked, worker or job."""
    text: str
    object_id: str = ""


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


def local_midnight(on: date, zone: str) -> datetime:
    """When a day begins somewhere, in UTC."""
    return datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC)


def people(session: Session, store: Store) -> People:
    """Customers of a store. Costs grow with their number: not to be asked every second."""
    customers = session.scalar(select(func.count()).where(Customer.store_id == store.id, Customer.erased_at.is_(None)))
    suppressed = (
        select(Suppression.id)
        .where(Suppression.store_id == Customer.store_id, Suppression.email_key == Customer.email_key)
        .exists()
    )
    mailable = session.scalar(
        select(func.count())
        .select_from(ConsentState)
        .join(Customer, Customer.id == ConsentState.customer_id)
        .where(
            ConsentState.store_id == store.id,
            ConsentState.topic == "marketing",
            ConsentState.status == "granted",
            Customer.email_key.is_not(None),
            Customer.erased_at.is_(None),
            ~suppressed,
        )
    )
    return People(customers=customers or 0, mailable=mailable or 0)


def sendings(session: Session, store: Store, now: datetime) -> Sendings:
    """Mails of today and of seven days, and what clicks on mails brought in thirty."""
    today = local_midnight(now.astimezone(ZoneInfo(store.timezone)).date(), store.timezone)
    counted = session.execute(
        select(
            _how_many(Message.accepted_at >= today),
            func.count(),
            _how_many(Message.clicked_at.is_not(None)),
        ).where(*_sent_since(store, min(today, now - timedelta(days=7)), now))
    ).one()
    revenue, orders = session.execute(
        select(func.coalesce(func.sum(Order.total - Order.refunded), 0), func.count())
        .select_from(Conversion)
        .join(Order, Order.id == Conversion.order_id)
        .where(
            Conversion.store_id == store.id,
            Conversion.at > now - timedelta(days=30),
            Order.currency == store.currency,
            Order.cancelled_at.is_(None),
        )
    ).one()
    live = session.scalar(select(func.count()).where(Campaign.store_id == store.id, Campaign.state == "live"))
    return Sendings(
        today=int(counted[0]),
        week=int(counted[1]),
        clicked_week=int(counted[2]),
        revenue=int(revenue),
        orders=int(orders),
        live_campaigns=live or 0,
    )


def belt(session: Session, now: datetime) -> Belt:
    """Messages on their way, each state counted from its partial index."""

    def waiting(state: str, *more: ColumnElement[bool]) -> Any:
        # A bound value would keep SQLite from using the partial index.
        condition: ColumnElement[bool] = literal_column(f"messages.state = '{state}'")
        return select(func.count()).select_from(Message).where(condition, *more).scalar_subquery()

    leased: ColumnElement[bool] = literal_column("messages.state IN ('claimed', 'submitting')")
    row = session.execute(
        select(
            waiting("draft", Message.due_at <= now),
            waiting("draft", Message.due_at > now),
            waiting("ready"),
            select(func.count()).select_from(Message).where(leased).scalar_subquery(),
            waiting("retry"),
            waiting("unknown"),
        )
    ).one()
    return Belt(*(int(n) for n in row))


def days(session: Session, store: Store, now: datetime) -> list[Day]:
    """Mails sent on each of the last 21 local days, today last; one statement."""
    last = now.astimezone(ZoneInfo(store.timezone)).date()
    dates = [last - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    starts = [local_midnight(on, store.timezone) for on in (*dates, last + timedelta(days=1))]
    columns: list[ColumnElement[Any]] = []
    for start, end in pairwise(starts):
        within = and_(Message.accepted_at >= start, Message.accepted_at < end)
        columns += [_how_many(within), _how_many(and_(within, Message.clicked_at.is_not(None)))]
    row = session.execute(select(*columns).where(*_sent_since(store, starts[0], now))).one()
    return [Day(on=on, sent=int(row[2 * n]), clicked=int(row[2 * n + 1])) for n, on in enumerate(dates)]


def tasks(session: Session, store: Store | None, customers: int) -> list[Task]:
    """What is left to do before the store mails by itself."""
    connections: Sequence[Connection] = []
    live: int | None = 0
    if store is not None:
        connections = session.scalars(select(Connection).where(Connection.store_id == store.id)).all()
        live = session.scalar(select(func.count()).where(Campaign.store_id == store.id, Campaign.state == "live"))
    shop = next((c for c in connections if c.role == "platform"), None)
    provider = next((c for c in connections if c.role == "provider" and c.is_default and c.kind != "mailbox"), None)
    return [
        Task("sender", bool(store and store.sender_email and store.postal_address), "Name, address, quiet hours"),
        Task("shop", shop is not None, shop.name if shop else "Shopify or the JSON API"),
        Task("customers", customers > 0, f"{customers:,} so far" if customers else "They come with the shop's news"),
        Task("campaign", bool(live), f"{live} live" if live else "Start from a recipe"),
        Task("provider", provider is not None, provider.name if provider else "Until then, mail is captured"),
    ]


def concerns(session: Session, store: Store, now: datetime) -> list[Concern]:
    """What needs a person, the gravest first."""
    found: list[Concern] = []
    turning = session.scalars(select(Job).where(Job.kind == "fast_forward", Job.state == "running")).first()
    beat = session.scalar(select(func.max(Heartbeat.at)))
    if turning is None and (beat is None or now - beat > SILENT):
        found.append(Concern("worker", "The worker is not running: nothing is decided on or sent."))
    broken = session.scalars(
        select(Connection).where(Connection.store_id == store.id, Connection.state == "broken").order_by(Connection.id)
    )
    found += [
        Concern("connection", f"{c.name} is broken: {c.state_reason or 'no reason given'}", c.public_id) for c in broken
    ]
    spoken_of = session.execute(
        select(Campaign.name, Campaign.state_reason, Campaign.public_id)
        .where(Campaign.store_id == store.id, Campaign.state.in_(("live", "stopping", "paused")))
        .where(Campaign.state_reason != "")
        .order_by(Campaign.id)
    )
    found += [Concern("campaign", f"{row.name}: {row.state_reason}", row.public_id) for row in spoken_of]
    newest = select(InboundWebhook.state).order_by(InboundWebhook.id.desc()).limit(RECENT).subquery()
    failed = session.scalar(select(func.count()).select_from(newest).where(newest.c.state == "failed")) or 0
    if failed:
        found.append(Concern("webhooks", f"{_of(failed, 'webhook')} of the latest could not be read."))
    unknown: ColumnElement[bool] = literal_column("messages.state = 'unknown'")
    unsure = session.scalar(select(func.count()).select_from(Message).where(unknown)) or 0
    if unsure:
        found.append(Concern("unknown", f"{_of(unsure, 'mail')} left, but the provider's answer never came."))
    stopped = session.execute(
        select(Feed.title, Feed.message, Feed.public_id)
        .where(Feed.store_id == store.id, or_(Feed.state == "stopped", Feed.failures >= FAILING_FEED))
        .where(Feed.state != "paused")
        .order_by(Feed.id)
    )
    found += [Concern("feed", f"The feed {row.title}: {row.message}", row.public_id) for row in stopped]
    wrong = checking.NIGHTLY.found(session, now)
    if wrong:
        words = f"{_of(wrong, 'count')} behind the recommendations were wrong. They were put right."
        found.append(Concern("recommendations", words))
    differing = value_checking.NIGHTLY.found(session, now)
    if differing:
        words = f"What was stored of {_of(differing, 'customer')} differed from their orders. It is put right."
        found.append(Concern("values", words))
    latest = select(Message.state).order_by(Message.id.desc()).limit(RECENT).subquery()
    parked = session.scalar(select(func.count()).select_from(latest).where(latest.c.state == "parked")) or 0
    if parked:
        words = f"{_of(parked, 'mail')} could not be rendered or killed their worker, and were put aside."
        found.append(Concern("parked", words))
    return found


def happenings(session: Session, store: Store, limit: int = 10) -> list[Happening]:
    """What happened to customers lately, the newest first; three statements."""
    mails = session.execute(
        select(Message, Customer, Template.title)
        .join(Customer, Customer.id == Message.customer_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .where(Message.store_id == store.id)
        .order_by(Message.id.desc())
        .limit(limit)
    )
    found = [
        Happening("mail", m.accepted_at or m.decided_at or m.created_at, _name(c), c.public_id, title, m.state)
        for m, c, title in mails
    ]
    entries = session.execute(
        select(Enrolment, Customer, Campaign.name)
        .join(Customer, Customer.id == Enrolment.customer_id)
        .join(Campaign, Campaign.id == Enrolment.campaign_id)
        .where(Enrolment.store_id == store.id)
        .order_by(Enrolment.id.desc())
        .limit(limit)
    )
    found += [Happening("enrolment", e.entered_at, _name(c), c.public_id, name) for e, c, name in entries]
    orders = session.execute(
        select(Order, Customer)
        .join(Customer, Customer.id == Order.customer_id)
        .where(Order.store_id == store.id)
        .order_by(Order.placed_at.desc())
        .limit(limit)
    )
    found += [
        Happening("order", o.placed_at, _name(c), c.public_id, o.number, "", o.total, o.currency) for o, c in orders
    ]
    return sorted(found, key=lambda h: h.at, reverse=True)[:limit]


def _name(customer: Customer) -> str:
    return f"{customer.first_name} {customer.last_name}".strip() or customer.email or "A customer"


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _sent_since(store: Store, since: datetime, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.store_id == store.id,
        Message.accepted_at >= since,
        Message.accepted_at <= now,
        Message.state.in_(SENT),
        Message.is_test.is_(False),
    )
