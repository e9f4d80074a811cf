"""Sixth stage: what brought an order, which mail it counts for, and how its customer came.

Intake marks every order that it writes (`is_untraced`), and whatever changes what is known before an order marks it
again: a late click, a verdict that is taken back. The mark is taken off in the transaction that looks at the order.
When a store's attribution settings change, all of its orders are looked at once more, slice by slice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.faults import declare, fault
from automation.insights import hits
from automation.insights.attribution import crediting
from automation.insights.attribution.rules import Window
from automation.insights.touches import people, tracing
from automation.models import Attribution, Conversion, CustomerTouch, NextConversion, Order, Store

declare("attribute.before_commit")

# Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
_STALE = text("customer_touches.is_stale")


def attribute(app: App, now: datetime, limit: int) -> int:
    """Attribute at most `limit` orders that changed; where there are none, look at customers, then at other rules.

    Answers how many were looked at; the statements are as many for one as for all of them.
    """
    return (
        _orders(app, limit)
        or _customers(app, limit)
        or _change_of_rules(app, now, limit)
        or hits.judge_again(app, now, limit)
    )


def _orders(app: App, limit: int) -> int:
    wanted = crediting.untraced()
    with app.db.read() as session:
        if session.execute(wanted.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        orders = session.execute(wanted.limit(limit).with_for_update(skip_locked=True)).all()
        if not orders:
            return 0
        ways = crediting.ways(session, {order.store_id for order in orders})
        now_by = {store_id: Window(way.seconds, way.opens) for store_id, way in ways.items()}
        next_by = {store_id: Window(way.wanted_seconds, way.wanted_opens) for store_id, way in ways.items()}
        credited, coming = crediting.credited_to(session, orders, [now_by, next_by])
        crediting.write(session, Conversion, credited)
        passed = [order for order in orders if _is_passed(order, ways[order.store_id])]
        if passed:
            crediting.prepare(session, passed, coming)
        clicked = {order_id: row["clicked_at"] for order_id, row in credited.items() if row and row["kind"] == "click"}
        tracing.trace(session, orders, clicked)
        people.work_out(session, {order.customer_id for order in orders} - {None})
        session.execute(
            update(Order)
            .where(Order.id.in_([order.id for order in orders]))
            .values(is_untraced=False)
            .execution_options(synchronize_session=False)
        )
        fault("attribute.before_commit")
    return len(orders)


def _is_passed(order: Any, way: Attribution) -> bool:
    """Whether a change of the rules that is going on will not come to this order any more, or never would have."""
    return way.position is not None and (order.id <= way.position or order.id > way.last)


def _customers(app: App, limit: int) -> int:
    stale = select(CustomerTouch.customer_id).where(_STALE).order_by(CustomerTouch.customer_id).limit(limit)
    with app.db.read() as session:
        if session.execute(stale.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        ids = session.scalars(stale.with_for_update(skip_locked=True)).all()
        people.work_out(session, ids)
        fault("attribute.before_commit")
    return len(ids)


def _change_of_rules(app: App, now: datetime, limit: int) -> int:
    with app.db.read() as session:
        if not crediting.differing(session):
            return 0
    with app.db.write() as session:
        store_id = next(iter(crediting.differing(session)), None)
        if store_id is None:
            return 0
        # Whoever else would change the settings, or go on with this, waits for us.
        session.scalar(select(Store.id).where(Store.id == store_id).with_for_update())
        row = session.get_one(Attribution, store_id, with_for_update=True, populate_existing=True)
        wanted = crediting.windows(session)[store_id]
        if row.position is None or Window(row.wanted_seconds, row.wanted_opens) != wanted:
            _begin(session, row, wanted, now)
        orders = session.execute(crediting.slice_of(store_id, row.position or 0, row.last, limit)).all()
        if orders:
            crediting.prepare(session, orders, crediting.credited_to(session, orders, [{store_id: wanted}])[0])
            row.position = orders[-1].id
        if len(orders) < limit:
            crediting.put_in_place(session, store_id)
            row.seconds, row.opens = row.wanted_seconds, row.wanted_opens
            row.position, row.ended_at = None, now
        fault("attribute.before_commit")
    return max(len(orders), 1)


def _begin(session: Session, row: Attribution, wanted: Window, now: datetime) -> None:
    """Settings may change again meanwhile: then it begins anew."""
    session.execute(delete(NextConversion).where(NextConversion.store_id == row.store_id))
    row.wanted_seconds, row.wanted_opens = wanted.seconds, wanted.opens
    row.position, row.last, row.began_at, row.ended_at = 0, crediting.newest(session), now, None
