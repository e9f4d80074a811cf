"""Points for what is no order: the first consent, a birthday, a review, any event.

Consents and events are read once each, in the order of their ids. What was recorded within the last minute waits:
another transaction with a smaller id may still be under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from automation import cursors
from automation.loyalty import ledger
from automation.loyalty.ledger import Line
from automation.loyalty.programme import EventRule, Programme
from automation.models import Consent, Cursor, Customer, Event, PointsEntry, Store
from automation.times import DAY, local_date, zone

SETTLED_AFTER = timedelta(minutes=1)
NOT_SIGNED_UP = ("import", "demo", "complaint", "unsubscribe")
"""Sources of consents that somebody else wrote down."""
BIRTHDAYS_BACK = 2
"""After downtime, birthdays of so many days are still given."""
YEAR_GUARD = timedelta(days=364)
"""No second birthday sooner: moving the date earns nothing."""

Programmes = Mapping[int, tuple[Programme, Store]]


def _page(session: Session, model: Any, name: str, now: datetime, limit: int) -> tuple[list[Any], int]:
    """The next rows after a cursor, and where it then stands."""
    position = session.scalar(select(Cursor.position).where(Cursor.name == name)) or 0
    rows = session.scalars(
        select(model)
        .where(model.id > position, model.recorded_at <= now - SETTLED_AFTER)
        .order_by(model.id)
        .limit(limit)
    ).all()
    return list(rows), rows[-1].id if rows else position


def sign_ups(session: Session, programmes: Programmes, now: datetime, limit: int) -> int:
    """Points for agreeing to mails for the first time; how many consents were read."""
    giving = {store: p for store, (p, _) in programmes.items() if p.is_on and p.sign_up}
    if not giving:
        return 0
    rows, position = _page(session, Consent, "loyalty.consents", now, limit)
    if not rows:
        return 0
    lines = {
        row.customer_id: Line(
            store_id=row.store_id,
            customer_id=row.customer_id,
            kind="earn",
            points=giving[row.store_id].sign_up,
            reason="Signed up",
            key=f"sign_up:{row.customer_id}",
            expires_at=giving[row.store_id].expires_at(now),
        )
        for row in rows
        if row.store_id in giving
        and row.status == "granted"
        and row.source not in NOT_SIGNED_UP
        and row.at >= (giving[row.store_id].started_at or now)
    }
    _give(session, list(lines.values()), now)
    cursors.move(session, "loyalty.consents", position, now)
    return len(rows)


@dataclass(frozen=True, slots=True)
class _Rule:
    rule: EventRule
    programme: Programme
    timezone: str


def events(session: Session, programmes: Programmes, now: datetime, limit: int) -> int:
    """Points for events that a programme names; how many events were read."""
    rules = {
        (store_id, rule.event): _Rule(rule, programme, store.timezone)
        for store_id, (programme, store) in programmes.items()
        if programme.is_on
        for rule in programme.events
    }
    if not rules:
        return 0
    rows, position = _page(session, Event, "loyalty.events", now, limit)
    if not rows:
        return 0
    lines: dict[tuple[int, str], Line] = {}
    for row in rows:
        found = rules.get((row.store_id, row.name))
        if found is None or row.customer_id is None or row.at < (found.programme.started_at or now):
            continue
        key = event_key(found.rule, row, found.timezone)
        line = Line(
            store_id=row.store_id,
            customer_id=row.customer_id,
            kind="earn",
            points=found.rule.points,
            reason=found.rule.words or found.rule.event,
            key=key,
            expires_at=found.programme.expires_at(now),
        )
        lines.setdefault((row.store_id, key), line)
    _give(session, list(lines.values()), now)
    cursors.move(session, "loyalty.events", position, now)
    return len(rows)


def event_key(rule: EventRule, event: Any, timezone: str) -> str:
    """What an event's points are for: two events with the same key give them once."""
    start = f"event:{event.customer_id}:{rule.event[:80]}"
    match rule.each:
        case "time":
            return f"event:{event.id}"
        case "product":
            return f"{start}:{event.product_id or 'none'}"
        case "day":
            return f"{start}:{local_date(event.at, zone(timezone)).isoformat()}"
        case _:
            return start


def birthdays(session: Session, programmes: Programmes, now: datetime, limit: int) -> int:
    """Points on birthdays, by the store's calendar, once a year; how many were given.

    O(birthdays): each day of a store is swept once, with an index over month and day.
    """
    given = 0
    for store_id, (programme, store) in programmes.items():
        if not programme.is_on or not programme.birthday:
            continue
        today = local_date(now, zone(store.timezone))
        name = f"loyalty.birthdays.{store_id}"
        swept = session.scalar(select(Cursor.position).where(Cursor.name == name)) or today.toordinal() - 1
        for ordinal in range(max(swept + 1, today.toordinal() - BIRTHDAYS_BACK + 1), today.toordinal() + 1):
            owners = _born(session, store_id, date.fromordinal(ordinal), now, limit)
            _give(session, [_birthday(store_id, who, ordinal, programme, now) for who in owners], now)
            given += len(owners)
            if len(owners) == limit:
                return given
            cursors.move(session, name, ordinal, now)
    return given


def _birthday(store_id: int, customer_id: int, ordinal: int, programme: Programme, now: datetime) -> Line:
    return Line(
        store_id=store_id,
        customer_id=customer_id,
        kind="earn",
        points=programme.birthday,
        reason="Birthday",
        key=f"birthday:{customer_id}:{date.fromordinal(ordinal).year}",
        expires_at=programme.expires_at(now),
    )


def _born(session: Session, store_id: int, on: date, now: datetime, limit: int) -> Sequence[int]:
    days = Customer.birthday_day == on.day
    if (on.month, on.day) == (2, 28) and (on + DAY).day == 1:
        days = or_(days, Customer.birthday_day == 29)
    line = aliased(PointsEntry)
    had = (
        select(func.count())
        .where(
            line.customer_id == Customer.id,
            line.kind == "earn",
            line.key.like("birthday:%"),
            line.at > now - YEAR_GUARD,
        )
        .correlate(Customer)
        .scalar_subquery()
    )
    return session.scalars(
        select(Customer.id)
        .where(
            Customer.store_id == store_id,
            Customer.birthday_month == on.month,
            days,
            Customer.erased_at.is_(None),
            Customer.created_at <= now,
            had == 0,
        )
        .order_by(Customer.id)
        .limit(limit)
    ).all()


def _give(session: Session, lines: Sequence[Line], now: datetime) -> None:
    """Add lines of customers who are still there."""
    if not lines:
        return
    gone = set(
        session.scalars(
            select(Customer.id).where(
                Customer.id.in_({line.customer_id for line in lines}), Customer.erased_at.is_not(None)
            )
        )
    )
    ledger.add(session, [line for line in lines if line.customer_id not in gone], now)


def is_any(session: Session, programmes: Programmes, now: datetime) -> bool:
    """Whether one of the three would find something to read; asked before a transaction that writes."""
    on = {store: p for store, (p, _) in programmes.items() if p.is_on}
    if any(p.sign_up for p in on.values()) and _page(session, Consent, "loyalty.consents", now, 1)[0]:
        return True
    if any(p.events for p in on.values()) and _page(session, Event, "loyalty.events", now, 1)[0]:
        return True
    for store_id, programme in on.items():
        if programme.birthday:
            today = local_date(now, zone(programmes[store_id][1].timezone)).toordinal()
            swept = session.scalar(select(Cursor.position).where(Cursor.name == f"loyalty.birthdays.{store_id}"))
            if swept is None or swept < today:
                return True
    return False
