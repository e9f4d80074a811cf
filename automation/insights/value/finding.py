"""Finds the customers for whom something happened that scores, and those who have no row yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from automation import cursors
from automation.app import App
from automation.insights.value import lead, scoring
from automation.models import Cart, Cursor, Customer, Event, Message, MessageEvent, Store, ValueSettings
from automation.rules.families import family

SETTLED = timedelta(seconds=30)
"""Rows younger than this are read the next time: one with a lower id may still be on its way into the table."""
SLICE = 5_000
"""Ids of customers that a sweep marks in one call."""
CUSTOMERS, EVENTS, MAILS, CARTS = "scores.customers", "scores.events", "scores.mails", "scores.carts"
_SWEEP = "scores:"
_DONE = 2**62
_MAIL_TYPES = {"mail.opened": "open", "mail.clicked": "click"}


def look_at_all(session: Session, store_id: int, now: datetime) -> None:
    """Have all customers of a store worked out again, a slice at a time: what they are measured by has changed."""
    cursors.move(session, f"{_SWEEP}{store_id}", 0, now)


@dataclass(frozen=True, slots=True)
class News:
    """How far the tables reach, and what of them was read."""

    cursors: Mapping[str, Cursor]
    watched: Mapping[lead.Source, Collection[str]]
    stores: Sequence[int]
    last_customer: int
    last_event: int
    last_hit: int


def find(app: App, now: datetime, limit: int) -> int:
    """Mark new customers, and those for whom something happened; how many rows were looked at.

    Three statements where there is nothing new.
    """
    with app.db.read() as session:
        news = _news(session)
    moved = _new_customers(app, news, now, limit) + _sweep(app, news, now)
    told: tuple[Any, Any]
    if names := news.watched["events"]:
        told = (Event.id, Event.recorded_at)
        moved += _read_on(app, news, EVENTS, news.last_event, told, _of_events(names, now), now, limit)
    if names := news.watched["mails"]:
        told = (MessageEvent.id, MessageEvent.recorded_at)
        moved += _read_on(app, news, MAILS, news.last_hit, told, _of_mails(names), now, limit)
    return moved + (_read_carts(app, news, now, limit) if news.watched["carts"] else 0)


def _news(session: Session) -> News:
    read = session.scalars(select(Cursor).where(Cursor.name.startswith("scores", autoescape=True)))
    chosen = session.execute(
        select(Store.id, ValueSettings.lead_lines)
        .outerjoin(ValueSettings, ValueSettings.store_id == Store.id)
        .order_by(Store.id)
    ).all()
    ends = session.execute(select(*(select(func.coalesce(func.max(of), 0)).scalar_subquery() for of in _ENDS))).one()
    return News(
        cursors={row.name: row for row in read},
        watched=lead.watched(line for row in chosen for line in lead.lines_of(row.lead_lines)),
        stores=[row.id for row in chosen],
        last_customer=ends[0],
        last_event=ends[1],
        last_hit=ends[2],
    )


_ENDS = (Customer.id, Event.id, MessageEvent.id)


def _position(news: News, name: str, else_: int) -> int:
    return news.cursors[name].position if name in news.cursors else else_


def _new_customers(app: App, news: News, now: datetime, limit: int) -> int:
    position = _position(news, CUSTOMERS, 0)
    if position >= news.last_customer:
        return 0
    with app.db.write() as session:
        found = session.execute(
            select(Customer.id, Customer.store_id, Customer.erased_at)
            .where(Customer.id > position)
            .order_by(Customer.id)
            .limit(limit)
        ).all()
        scoring.mark(session, {row.id: row.store_id for row in found if row.erased_at is None}, now)
        if found:
            cursors.move(session, CUSTOMERS, found[-1].id, now)
    return len(found)


def _sweep(app: App, news: News, now: datetime) -> int:
    """Go on with the stores of which everybody is to be worked out again."""
    moved = 0
    for store_id in news.stores:
        name = f"{_SWEEP}{store_id}"
        position = _position(news, name, _DONE)
        if position == _DONE:
            continue
        until = position + SLICE
        with app.db.write() as session:
            ids = session.scalars(
                select(Customer.id)
                .where(Customer.id > position, Customer.id <= until, Customer.store_id == store_id)
                .where(Customer.erased_at.is_(None))
            ).all()
            scoring.mark(session, dict.fromkeys(ids, store_id), now)
            cursors.move(session, name, until if until < news.last_customer else _DONE, now)
        moved += max(1, len(ids))
    return moved


def _read_on(
    app: App,
    news: News,
    name: str,
    last: int,
    told: tuple[Any, Any],
    whose: Select[*tuple[Any, ...]],
    now: datetime,
    limit: int,
) -> int:
    """Read a table on by its ids, `told` being its id and when a row was written."""
    position = _position(news, name, -1)
    if position < 0:
        # What was there before is in everybody's first score already.
        with app.db.write() as session:
            cursors.move(session, name, last, now)
    if position < 0 or position >= last:
        return 0
    row_id, recorded_at = told
    with app.db.read() as session:
        query = select(row_id, recorded_at).where(row_id > position).order_by(row_id).limit(limit)
        rows = session.execute(query).all()
    settled = 0
    for found_id, at in rows:
        if at > now - SETTLED:
            break
        settled = found_id
    if not settled:
        return 0
    with app.db.write() as session:
        whom = session.execute(whose.where(row_id > position, row_id <= settled).distinct()).all()
        scoring.mark(session, {row.customer_id: row.store_id for row in whom}, now)
        cursors.move(session, name, settled, now)
    return len(rows)


def _of_events(names: Collection[str], now: datetime) -> Select[*tuple[Any, ...]]:
    wanted: list[ColumnElement[bool]] = [and_(*family(name).where(now)) for name in sorted(names)]
    return select(Event.customer_id, Event.store_id).where(Event.customer_id.is_not(None), or_(*wanted))


def _of_mails(names: Collection[str]) -> Select[*tuple[Any, ...]]:
    types = [_MAIL_TYPES[name] for name in sorted(names)]
    return (
        select(Message.customer_id, Message.store_id)
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(MessageEvent.type.in_(types))
    )


def _read_carts(app: App, news: News, now: datetime, limit: int) -> int:
    """Carts change and keep their id: they are read on by when they were last touched."""
    until, cursor = now - SETTLED, news.cursors.get(CARTS)
    since = cursor.at if cursor is not None else until
    touched = select(Cart.customer_id, Cart.store_id, Cart.last_activity_at).where(
        Cart.store_id.in_(news.stores), Cart.customer_id.is_not(None), Cart.last_activity_at <= until
    )
    with app.db.read() as session:
        first = touched.where(Cart.last_activity_at > since).order_by(Cart.last_activity_at).limit(limit)
        rows = session.execute(first).all()
        if len(rows) == limit:
            # The others of the same instant, who would stand behind the cursor.
            rows = [*rows, *session.execute(touched.where(Cart.last_activity_at == rows[-1].last_activity_at))]
    if not rows and cursor is not None:
        return 0
    with app.db.write() as session:
        scoring.mark(session, {row.customer_id: row.store_id for row in rows}, now)
        cursors.move(session, CARTS, 0, rows[-1].last_activity_at if rows else until)
    return len(rows)
