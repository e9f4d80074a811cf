"""Each night everything is counted anew from the orders, a few products at a time: a difference is told and mended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, time

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.insights.recommendations.counting import LARGEST
from automation.models import Basket, Order, OrderItem, ProductDemand, ProductPair
from automation.nightly import Nightly
from automation.rhythms import counted
from automation.upsert import table_of

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Products looked at in one call."""
NIGHTLY = Nightly("recommendations.check", "recommendations.differences", time(3))
_UNCOUNTED = select(Basket.order_id).where(text("baskets.is_stale")).limit(1)


def check(app: App, now: datetime) -> int:
    """Look at the next products, if tonight's check is not done; how many there were.

    Nothing is looked at while orders wait to be counted: what is under way is no difference.
    """
    position = NIGHTLY.stands_at(app, now)
    if position is None:
        return 0
    with app.db.read() as session:
        if session.scalar(_UNCOUNTED):
            return 0
    with app.db.write() as session:
        ids = session.scalars(
            select(ProductDemand.product_id)
            .where(ProductDemand.product_id > position)
            .order_by(ProductDemand.product_id)
            .limit(AT_ONCE)
            .with_for_update()
        ).all()
        wrong = _compare(session, ids) if ids else 0
        if wrong:
            log.error("%s counts behind the recommendations differed from the orders, and were put right", wrong)
        NIGHTLY.go_on(session, position, ids[-1] if ids else None, wrong, now)
    return len(ids)


def _compare(session: Session, ids: Sequence[int]) -> int:
    mine = (
        select(OrderItem.order_id, OrderItem.product_id)
        .join(Order, Order.id == OrderItem.order_id)
        .join(Basket, Basket.order_id == Order.id)
        .where(OrderItem.product_id.in_(ids), OrderItem.quantity > 0, counted(), Basket.is_stale.is_(False))
        .distinct()
        .cte("mine")
    )
    every = (
        select(OrderItem.order_id, OrderItem.product_id)
        .where(
            OrderItem.order_id.in_(select(mine.c.order_id)), OrderItem.product_id.is_not(None), OrderItem.quantity > 0
        )
        .distinct()
        .cte("every")
    )
    small = select(every.c.order_id).group_by(every.c.order_id).having(func.count() <= LARGEST).subquery("small")
    each = session.execute(select(mine.c.product_id, func.count().label("orders")).group_by(mine.c.product_id))
    orders: dict[int, int] = {row.product_id: row.orders for row in each}
    together = (
        select(mine.c.product_id, every.c.product_id.label("other_id"), func.count().label("orders"))
        .join(small, small.c.order_id == mine.c.order_id)
        .join(every, (every.c.order_id == mine.c.order_id) & (every.c.product_id != mine.c.product_id))
        .group_by(mine.c.product_id, every.c.product_id)
    )
    true = {(row.product_id, row.other_id): row.orders for row in session.execute(together)}
    return _mend_demand(session, ids, orders) + _mend_pairs(session, ids, true)


def _mend_demand(session: Session, ids: Sequence[int], true: dict[int, int]) -> int:
    stored = session.execute(
        select(ProductDemand.product_id, ProductDemand.orders).where(ProductDemand.product_id.in_(ids))
    )
    wrong = [
        {"product_id": product, "orders": true.get(product, 0), "is_stale": True}
        for product, orders in stored
        if orders != true.get(product, 0)
    ]
    bulk.update(session, ProductDemand, wrong, key=("product_id",))
    return len(wrong)


def _mend_pairs(session: Session, ids: Sequence[int], true: dict[tuple[int, int], int]) -> int:
    table = table_of(ProductPair)
    stored = {
        (row.product_id, row.other_id): row.orders
        for row in session.execute(select(table).where(table.c.product_id.in_(ids)))
    }
    wrong = [{"product_id": a, "other_id": b, "orders": n} for (a, b), n in true.items() if stored.get((a, b)) != n]
    bulk.insert(session, ProductPair, wrong, skip=["product_id", "other_id"], replace=["orders"])
    gone = [{"product_id": a, "other_id": b} for a, b in stored if (a, b) not in true]
    if gone:
        given = bulk.table(session, [ProductPair.product_id, ProductPair.other_id], gone)
        here = (given.c.product_id == table.c.product_id) & (given.c.other_id == table.c.other_id)
        session.execute(delete(table).where(select(given.c.product_id).where(here).exists()))
    return len(wrong) + len(gone)
