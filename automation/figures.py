"""The first figures of a store: what the home page shows, each from an index and in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, literal_column, select, true
from sqlalchemy.orm import Session

from automation.models import (
    SENT,
    Campaign,
    Connection,
    ConsentState,
    Conversion,
    Customer,
    Message,
    Order,
    Store,
    Suppression,
)

DAYS = 21


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
    """Mails of today and of seven days, and what clicks on mails brought in thirty; one statement."""
    today = local_midnight(now.astimezone(ZoneInfo(store.timezone)).date(), store.timezone)
    sent = (
        select(
            _how_many(Message.accepted_at >= today).label("today"),
            func.count().label("week"),
            _how_many(Message.clicked_at.is_not(None)).label("clicked"),
        )
        .where(*_sent_since(store, min(today, now - timedelta(days=7)), now))
        .subquery()
    )
    bought = (
        select(
            func.coalesce(func.sum(Order.total - Order.refunded), 0).label("revenue"),
            func.count().label("orders"),
        )
        .select_from(Conversion)
        .join(Order, Order.id == Conversion.order_id)
        .where(
            Conversion.store_id == store.id,
            Conversion.at > now - timedelta(days=30),
            Order.currency == store.currency,
            Order.cancelled_at.is_(None),
        )
        .subquery()
    )
    row = session.execute(select(sent, bought, _live(store.id).label("live")).join_from(sent, bought, true())).one()
    return Sendings(
        today=int(row.today),
        week=int(row.week),
        clicked_week=int(row.clicked),
        revenue=int(row.revenue),
        orders=int(row.orders),
        live_campaigns=row.live,
    )


def _live(store_id: int) -> ScalarSelect[int]:
    return (
        select(func.count())
        .select_from(Campaign)
        .where(Campaign.store_id == store_id, Campaign.state == "live")
        .scalar_subquery()
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


def tasks(session: Session, store: Store | None) -> list[Task]:
    """What is left to do before the store mails by itself; one statement."""
    rows: Sequence[Any] = []
    if store is not None:
        known = select(Customer.id).where(Customer.store_id == store.id, Customer.erased_at.is_(None)).exists()
        rows = session.execute(
            select(Connection, _live(store.id).label("live"), known.label("has_customers"))
            .select_from(Store)
            .outerjoin(Connection, Connection.store_id == Store.id)
            .where(Store.id == store.id)
            .order_by(Connection.id)
        ).all()
    connections: list[Connection] = [row.Connection for row in rows if row.Connection]
    live, has_customers = (rows[0].live, rows[0].has_customers) if rows else (0, False)
    shop = next((c for c in connections if c.role == "platform"), None)
    provider = next((c for c in connections if c.role == "provider" and c.is_default and c.kind != "mailbox"), None)
    return [
        Task("sender", bool(store and store.sender_email and store.postal_address), "Name, address, quiet hours"),
        Task("shop", shop is not None, shop.name if shop else "Shopify or the JSON API"),
        Task("customers", has_customers, "They are here" if has_customers else "They come with the shop's news"),
        Task("campaign", bool(live), f"{live} live" if live else "Start from a recipe"),
        Task("provider", provider is not None, provider.name if provider else "Until then, mail is captured"),
    ]


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
