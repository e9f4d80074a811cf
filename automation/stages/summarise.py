"""Between listening and enrolling: what triggers would otherwise have to work out for every customer at every sweep."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import cursors, memberships, rhythms
from automation.app import App
from automation.faults import declare, fault
from automation.insights.journey.moving import refresh as refresh_journey
from automation.insights.personas import portraying
from automation.insights.recommendations.refreshing import refresh as refresh_recommendations
from automation.insights.value.refreshing import refresh as refresh_values
from automation.models import Cursor, CustomerRhythm, Order

declare("summarise.before_commit")

_NAME = "summarise"
_PRODUCTS = 20
"""Products looked at in one call: each reads two years of its purchases."""


def summarise(app: App, now: datetime, limit: int) -> int:
    """Bring the rhythms of at most `limit` customers up to their orders, and watched segments up to their members.

    The same for what recommendations are made of, for what is expected of customers, for portraits of personas,
    and for where customers stand on the journey.

    New orders are found by their id, changed ones by the mark that intake leaves on their customers. The answer is
    how many rows were looked at; 0 means that all is up to date.
    """
    new, customers = _find_new(app, now, limit), _customers(app, now, limit)
    # What is worked out of everybody waits until no crowd is on its way in.
    is_resting = new == 0 and customers < limit
    moved = new + customers + _products(app, now)
    moved += refresh_recommendations(app, now, limit)
    moved += refresh_journey(app, now, limit)
    values = refresh_values(app, now, limit, is_resting=is_resting)
    moved += values
    # A portrait tells of values, too.
    moved += portraying.refresh(app, now) if is_resting and values == 0 else 0
    return moved + memberships.refresh(app, now)


def _find_new(app: App, now: datetime, limit: int) -> int:
    with app.db.read() as session:
        if not _next_ids(session, 1):
            return 0
    with app.db.write() as session:
        ids = _next_ids(session, limit)
        if ids:
            rhythms.mark_buyers_of(session, ids[0], ids[-1])
            cursors.move(session, _NAME, ids[-1], now)
        fault("summarise.before_commit")
    return len(ids)


def _next_ids(session: Session, limit: int) -> list[int]:
    position = select(func.coalesce(func.max(Cursor.position), 0)).where(Cursor.name == _NAME).scalar_subquery()
    return list(session.scalars(select(Order.id).where(Order.id > position).order_by(Order.id).limit(limit)))


def _customers(app: App, now: datetime, limit: int) -> int:
    stale = select(CustomerRhythm.customer_id).where(CustomerRhythm.is_stale)
    with app.db.read() as session:
        if session.execute(stale.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        # Locked in the order of their ids, before their orders: intake does the same.
        claimed = stale.order_by(CustomerRhythm.customer_id).limit(limit).with_for_update(skip_locked=True)
        ids = session.scalars(claimed).all()
        if ids:
            rhythms.summarise_customers(session, ids, now)
        fault("summarise.before_commit")
    return len(ids)


def _products(app: App, now: datetime) -> int:
    wanted = rhythms.stale_products(now, _PRODUCTS)
    with app.db.read() as session:
        if session.execute(wanted.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        ids = session.scalars(wanted.with_for_update(skip_locked=True)).all()
        if ids:
            rhythms.summarise_products(session, ids, now)
    return len(ids)
