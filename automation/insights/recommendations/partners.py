"""What goes best with a product, worked out anew after its pairs changed."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Float, cast, func, or_, select, text
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.models import ProductDemand, ProductPair

KEPT = 24
"""Partners of a product that are kept."""
SUPPORT = 2
"""Bought together once is chance."""
EVERY = timedelta(hours=1)
"""A product is looked at no more often, however often it is ordered."""
AT_ONCE = 100
_STALE = text("product_demand.is_stale")


def refresh(app: App, now: datetime) -> int:
    """Work out the partners of up to `AT_ONCE` products; how many there were."""
    is_due = or_(ProductDemand.refreshed_at.is_(None), ProductDemand.refreshed_at <= now - EVERY)
    due = select(ProductDemand.product_id, ProductDemand.orders).where(_STALE, is_due)
    with app.db.read() as session:
        if session.execute(due.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        rows = session.execute(
            due.order_by(ProductDemand.product_id).limit(AT_ONCE).with_for_update(skip_locked=True)
        ).all()
        totals = {row.product_id: row.orders for row in rows}
        best = _best(session, totals)
        bulk.update(
            session,
            ProductDemand,
            [{"product_id": p, "partners": best.get(p, []), "is_stale": False, "refreshed_at": now} for p in totals],
            key=("product_id",),
        )
    return len(totals)


def _best(session: Session, totals: dict[int, int]) -> dict[int, list[list[Any]]]:
    """The best partners of each product: their ids, orders with both, and the cosine to four places."""
    if not totals:
        return {}
    # The same order as the cosine's, for one product: its own number is the same in all.
    score = cast(ProductPair.orders, Float) * ProductPair.orders / ProductDemand.orders
    place = func.row_number().over(partition_by=ProductPair.product_id, order_by=(score.desc(), ProductPair.other_id))
    ranked = (
        select(
            ProductPair.product_id,
            ProductPair.other_id,
            ProductPair.orders,
            ProductDemand.orders.label("of_other"),
            place.label("place"),
        )
        .join(ProductDemand, ProductDemand.product_id == ProductPair.other_id)
        .where(ProductPair.product_id.in_(sorted(totals)), ProductPair.orders >= SUPPORT, ProductDemand.orders > 0)
        .subquery()
    )
    found: dict[int, list[list[Any]]] = defaultdict(list)
    for row in session.execute(
        select(ranked).where(ranked.c.place <= KEPT).order_by(ranked.c.product_id, ranked.c.place)
    ):
        cosine = row.orders / math.sqrt(max(totals[row.product_id], 1) * row.of_other)
        found[row.product_id].append([row.other_id, row.orders, round(cosine, 4)])
    return found
