"""Carts as they were: each state that a cart was in for a while, for looking back. A sweep reads carts themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, delete, insert, null, or_, select, type_coerce, union_all
from sqlalchemy.orm import Session

from automation.models import Cart, CartVisit
from automation.models.record import UTCDateTime
from automation.upsert import table_of

ONE_VISIT = timedelta(minutes=1)
"""Touches closer than this are one visit: no campaign calls a cart left so soon."""
KEPT = timedelta(days=400)
"""Longer than any span that a backtest looks at."""
_PRUNED = 1000

_carts, _visits = table_of(Cart), table_of(CartVisit)


def is_another(row: Mapping[str, Any], at: datetime) -> bool:
    """Whether a touch at an instant begins a new visit of a cart."""
    return bool(at - row["last_activity_at"] >= ONE_VISIT)


def past(row: Mapping[str, Any], ended_at: datetime) -> dict[str, Any]:
    """A cart's present state as a visit that ends now; `cart_id` is left to be filled in."""
    same = ("store_id", "customer_id", "total", "item_count", "deleted_at")
    times = {"began_at": row["visit_at"], "left_at": row["last_activity_at"], "ended_at": ended_at}
    return {name: row[name] for name in same} | times


def keep(session: Session, store_id: int, visits: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write visits, and let go of some of the store's that are too old to be asked about: two statements."""
    if not visits:
        return
    session.connection().execute(insert(_visits), list(visits))
    old = (
        select(_visits.c.id)
        .where(_visits.c.store_id == store_id, _visits.c.left_at < now - KEPT)
        .order_by(_visits.c.left_at)
        .limit(_PRUNED)
    )
    session.execute(delete(_visits).where(_visits.c.id.in_(old)))


def carts_as_they_were() -> Subquery:
    """Every state of every cart: the columns of `Cart` that triggers ask, with `began_at` and `ended_at` (or null).

    Filters on `store_id`, `id`, `customer_id` and `last_activity_at` reach the indexes of both tables.
    """
    carts, visits = _carts.c, _visits.c
    never: ColumnElement[Any] = type_coerce(null(), UTCDateTime())
    standing = (carts.external_id, carts.created_at, carts.checkout_at, carts.ordered_at)
    of_now = select(
        *(carts[name] for name in ("id", "store_id", "customer_id", "total", "item_count", "deleted_at")),
        carts.last_activity_at,
        carts.visit_at.label("began_at"),
        never.label("ended_at"),
        *standing,
    )
    of_then = select(
        visits.cart_id.label("id"),
        *(visits[name] for name in ("store_id", "customer_id", "total", "item_count", "deleted_at")),
        visits.left_at.label("last_activity_at"),
        visits.began_at,
        visits.ended_at,
        *standing,
    ).join_from(_visits, _carts, carts.id == visits.cart_id)
    return union_all(of_now, of_then).subquery("carts_then")


def stood(state: Any, at: Any) -> ColumnElement[bool]:
    """A state of `carts_as_they_were` was the cart's at an instant."""
    return and_(or_(state.began_at.is_(None), state.began_at <= at), or_(state.ended_at.is_(None), state.ended_at > at))
