"""Who stands in which stage of the journey, kept as stays so that movement can be measured.

A customer stands in the furthest stage whose rule holds. They are looked at again when something about them is
recorded (an order, an event, what became of a mail, themselves), found by ids behind a cursor: O(changed). Rules also
come true by the mere passing of time, and what is changed in place has no new id, so once a day everybody is looked
at, in small batches: the daily round.

Whoever is looked at for the first time gets a history as well: rules are read as of each week of the year before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, case, func, insert, literal, null, select, update
from sqlalchemy.orm import Session

from automation import cursors
from automation.app import App
from automation.insights.journey.reviewing import remind
from automation.models import Cursor, Customer, Event, JourneyStage, JourneyStay, Message, MessageEvent, Order
from automation.rules import language
from automation.rules.scope import Scope, scope_of
from automation.rules.sql import predicate
from automation.upsert import table_of

ROUND = timedelta(days=1)
"""How often everybody is looked at."""
WEEK = timedelta(days=7)
HISTORY = 53
"""Weeks that are worked out for who is looked at for the first time."""
MOST = 500
"""Customers of one transaction."""

Rows = Select[int, int, int] | Select[int, int, int | None]
Seen = tuple[datetime, int | None]
Standing = Callable[[Sequence[int], datetime], dict[int, int | None]]


def stages_of(session: Session, store_id: int) -> Sequence[JourneyStage]:
    """The stages of a store's journey, the first first."""
    return session.scalars(
        select(JourneyStage)
        .where(JourneyStage.store_id == store_id, JourneyStage.archived_at.is_(None))
        .order_by(JourneyStage.position, JourneyStage.id)
    ).all()


def refresh(app: App, now: datetime, limit: int) -> int:
    """Bring the stages of who changed up to `now`, and go a step of the daily round; how many were looked at.

    Steps of a round are not counted once everybody has a stage, for nothing waits for them.
    """
    limit = min(limit, MOST)
    with app.db.read() as session:
        stores = session.scalars(
            select(JourneyStage.store_id).where(JourneyStage.archived_at.is_(None)).distinct()
        ).all()
    if not stores:
        return 0
    moved = sum(follow(app, name, now, limit) for name in SOURCES)
    return moved + sum(_round(app, store_id, now, limit) for store_id in sorted(stores))


def _orders(above: int) -> Rows:
    return select(Order.id, Order.store_id, Order.customer_id).where(Order.id > above).order_by(Order.id)


def _events(above: int) -> Rows:
    return select(Event.id, Event.store_id, Event.customer_id).where(Event.id > above).order_by(Event.id)


def _mails(above: int) -> Rows:
    return (
        select(MessageEvent.id, Message.store_id, Message.customer_id)
        .join(Message, Message.id == MessageEvent.message_id)
        .where(MessageEvent.id > above)
        .order_by(MessageEvent.id)
    )


def _customers(above: int) -> Rows:
    return select(Customer.id, Customer.store_id, Customer.id).where(Customer.id > above).order_by(Customer.id)


SOURCES: dict[str, tuple[Callable[[int], Rows], Any]] = {
    "journey:orders": (_orders, Order.id),
    "journey:events": (_events, Event.id),
    "journey:mails": (_mails, MessageEvent.id),
    "journey:customers": (_customers, Customer.id),
}


def follow(app: App, name: str, now: datetime, limit: int) -> int:
    """Look at those whose rows of one source are new, at most `limit` rows; how many rows."""
    rows_after, newest = SOURCES[name]
    with app.db.read() as session:
        cursor = session.get(Cursor, name)
        if cursor is not None and not session.execute(rows_after(cursor.position).limit(1)).first():
            return 0
    with app.db.write() as session:
        cursor = session.get(Cursor, name, with_for_update=True)
        if cursor is None:
            # What is older is found by the first round.
            cursors.move(session, name, session.scalar(select(func.max(newest))) or 0, now)
            return 0
        rows = session.execute(rows_after(cursor.position).limit(limit)).all()
        if not rows:
            return 0
        whose: dict[int, set[int]] = {}
        for _, store_id, customer_id in rows:
            if customer_id is not None:
                whose.setdefault(store_id, set()).add(customer_id)
        for store_id, ids in sorted(whose.items()):
            place(session, store_id, sorted(ids), now)
        cursors.move(session, name, rows[-1][0], now)
    return len(rows)


def _round(app: App, store_id: int, now: datetime, limit: int) -> int:
    name = f"journey:round:{store_id}"
    with app.db.read() as session:
        last = session.get(Cursor, name)
        if last is not None and last.position == 0 and now - ROUND < last.at <= now:
            return 0
    with app.db.write() as session:
        cursor = session.get(Cursor, name, with_for_update=True)
        above = cursor.position if cursor else 0
        began = cursor.at if cursor and above else now
        if not above:
            remind(session, store_id, now)
        ids = session.scalars(
            select(Customer.id)
            .where(Customer.store_id == store_id, Customer.id > above, Customer.erased_at.is_(None))
            .order_by(Customer.id)
            .limit(limit)
        ).all()
        first = place(session, store_id, ids, now) if ids else 0
        cursors.move(session, name, ids[-1] if len(ids) == limit else 0, began)
    return first


def place(session: Session, store_id: int, ids: Sequence[int], now: datetime) -> int:
    """Write down where these customers of a store stand at `now`; how many had no stage before.

    A constant number of statements, and one for each week of history where somebody is new to the map.
    """
    stages = stages_of(session, store_id)
    if not stages:
        return 0
    order = {stage.id: stage.position for stage in stages}
    scope = scope_of(session, store_id)

    def standing(who: Sequence[int], at: datetime) -> dict[int, int | None]:
        return _standing(session, stages, scope, who, at)

    session.execute(select(Customer.id).where(Customer.id.in_(ids)).order_by(Customer.id).with_for_update())
    at_now = standing(ids, now)
    present = {
        row.customer_id: row
        for row in session.execute(
            select(JourneyStay.id, JourneyStay.customer_id, JourneyStay.stage_id, JourneyStay.entered_at).where(
                JourneyStay.customer_id.in_(ids), JourneyStay.left_at.is_(None)
            )
        )
    }
    new = {customer: [(now, stage)] for customer, stage in at_now.items() if customer not in present}
    stays = [
        stay
        for customer, seen in _with_history(session, standing, new, now).items()
        for stay in _stays(store_id, customer, seen, order)
    ]
    left = []
    for customer, row in present.items():
        stage = at_now.get(customer)
        if stage is None or stage == row.stage_id:
            continue
        left.append({"stay": row.id, "until": now, "took": _seconds(row.entered_at, now)})
        stays.append(_stay(store_id, customer, row.stage_id, stage, now, order))
    table = table_of(JourneyStay)
    if left:
        session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("stay"))
            .values(left_at=bindparam("until"), seconds=bindparam("took")),
            left,
        )
    if stays:
        session.execute(insert(table), stays)
    return len(new)


def _standing(
    session: Session, stages: Sequence[JourneyStage], scope: Scope, ids: Sequence[int], at: datetime
) -> dict[int, int | None]:
    """The stage of each as of an instant; only of who was known by then."""
    furthest = [
        (predicate(language.read(stage.rule), at, scope, each=True), literal(stage.id)) for stage in reversed(stages)
    ]
    rows = session.execute(
        select(Customer.id, case(*furthest, else_=null())).where(
            Customer.id.in_(ids),
            Customer.store_id == stages[0].store_id,
            Customer.created_at <= at,
            Customer.erased_at.is_(None),
        )
    )
    return {row[0]: row[1] for row in rows}


def _with_history(
    session: Session, standing: Standing, new: dict[int, list[Seen]], now: datetime
) -> dict[int, list[Seen]]:
    if not new:
        return {}
    oldest = session.scalar(select(func.min(Customer.created_at)).where(Customer.id.in_(list(new))))
    weeks = min(HISTORY, (now - oldest) // WEEK) if oldest else 0
    found: dict[int, list[Seen]] = {customer: [] for customer in new}
    for week in range(weeks, 0, -1):
        at = now - week * WEEK
        for customer, stage in standing(list(new), at).items():
            found[customer].append((at, stage))
    return {customer: found[customer] + seen for customer, seen in new.items()}


def _stays(store_id: int, customer: int, seen: Sequence[Seen], order: dict[int, int]) -> list[dict[str, Any]]:
    """Stays from what was seen at growing instants."""
    stays: list[dict[str, Any]] = []
    for at, stage in seen:
        before = stays[-1] if stays else None
        if stage is None or (before and before["stage_id"] == stage):
            continue
        if before:
            before.update(left_at=at, seconds=_seconds(before["entered_at"], at))
        stays.append(_stay(store_id, customer, before["stage_id"] if before else None, stage, at, order))
    return stays


def _stay(
    store_id: int, customer: int, before: int | None, stage: int, at: datetime, order: dict[int, int]
) -> dict[str, Any]:
    # A stage that was taken off the map since is behind whichever comes after it.
    step = 0 if before is None else 1 if order[stage] > order.get(before, 0) else -1
    return {
        "store_id": store_id,
        "customer_id": customer,
        "stage_id": stage,
        "from_stage_id": before,
        "step": step,
        "entered_at": at,
        "left_at": None,
        "seconds": None,
    }


def _seconds(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds()))
