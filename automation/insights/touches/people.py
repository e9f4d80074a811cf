"""The first and the last touch of each customer, worked out anew whenever something is told of them.

First: what their shop or form said of how they came; else the earliest order or arrival that says something. Last:
the latest of orders, arrivals and clicks in mails. A mail goes only to those who are known, so it is nobody's first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from automation import bulk
from automation.insights.touches.channels import Touch, touch_of
from automation.insights.touches.tracing import ARRIVED, EMAIL, own_hosts
from automation.models import Customer, CustomerTouch, Event, Message, Order, OrderTouch

PARTS = ("channel", "source", "medium", "campaign", "referrer", "device")


def mark(session: Session, people: Iterable[tuple[int, int]]) -> None:
    """Have these customers looked at again: (store's id, customer's id). One statement."""
    rows = [{"customer_id": c, "store_id": s, "is_stale": True} for s, c in sorted(set(people))]
    bulk.insert(session, CustomerTouch, rows, skip=["customer_id"], replace=["is_stale"])


@dataclass(slots=True)
class _Known:
    """What is known of one customer's touches."""

    store_id: int
    first: tuple[datetime, Touch] | None = None
    last: tuple[datetime, Touch] | None = None
    is_told: bool = False
    """Their shop said how they came: nothing comes before that."""

    def add(self, at: datetime, touch: Touch, *, may_be_first: bool = True) -> None:
        if touch.channel == "unknown":
            return
        if may_be_first and not self.is_told and (self.first is None or at < self.first[0]):
            self.first = at, touch
        if self.last is None or at > self.last[0]:
            self.last = at, touch


def work_out(session: Session, customer_ids: Collection[int]) -> None:
    """Write down the first and the last touch of these customers; five statements, however many they are."""
    if not customer_ids:
        return
    known: dict[int, _Known] = {}
    customers = session.execute(
        select(Customer.id, Customer.store_id, Customer.created_at, Customer.source).where(
            Customer.id.in_(customer_ids)
        )
    ).all()
    hosts = own_hosts(session, {c.store_id for c in customers})
    for c in customers:
        one = known[c.id] = _Known(c.store_id)
        one.add(c.created_at, touch_of(c.source, hosts[c.store_id]))
        one.is_told = one.first is not None
    for row in session.execute(_orders(customer_ids)):
        known[row.customer_id].add(row.placed_at, Touch(**{name: getattr(row, name) for name in PARTS}))
    for row in session.execute(_arrivals(customer_ids)):
        one = known[row.customer_id]
        one.add(row.at, touch_of(row.properties, hosts[one.store_id]))
    clicks = (
        select(Message.customer_id, func.max(Message.clicked_at).label("at"))
        .where(Message.customer_id.in_(customer_ids), Message.clicked_at.is_not(None))
        .group_by(Message.customer_id)
    )
    for row in session.execute(clicks):
        known[row.customer_id].add(row.at, EMAIL, may_be_first=False)
    rows = [_row(customer_id, one) for customer_id, one in sorted(known.items())]
    columns = [name for name in rows[0] if name not in ("customer_id", "store_id")] if rows else []
    bulk.insert(session, CustomerTouch, rows, skip=["customer_id"], replace=columns)


def _row(customer_id: int, one: _Known) -> dict[str, Any]:
    row: dict[str, Any] = {"customer_id": customer_id, "store_id": one.store_id, "is_stale": False}
    for way, found in (("first", one.first), ("last", one.last)):
        row[f"{way}_at"] = found[0] if found else None
        row |= {f"{way}_{name}": getattr(found[1] if found else Touch(), name) for name in PARTS}
    return row


def _ends(owner: ColumnElement[Any], at: ColumnElement[Any], tie: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    return [
        func.row_number().over(partition_by=owner, order_by=(at, tie)).label("from_first"),
        func.row_number().over(partition_by=owner, order_by=(at.desc(), tie.desc())).label("from_last"),
    ]


def _orders(customer_ids: Collection[int]) -> Any:
    """The first and the last order of each that says how it came."""
    touch = aliased(OrderTouch)
    found = (
        select(
            Order.customer_id,
            Order.placed_at,
            *(getattr(touch, name) for name in PARTS),
            *_ends(Order.customer_id.expression, Order.placed_at.expression, Order.id.expression),
        )
        .join(touch, touch.order_id == Order.id)
        .where(Order.customer_id.in_(customer_ids), touch.channel != "unknown")
        .subquery()
    )
    return select(found).where((found.c.from_first == 1) | (found.c.from_last == 1))


def _arrivals(customer_ids: Collection[int]) -> Any:
    found = (
        select(
            Event.customer_id,
            Event.at,
            Event.properties,
            *_ends(Event.customer_id.expression, Event.at.expression, Event.id.expression),
        )
        .where(Event.customer_id.in_(customer_ids), Event.name == ARRIVED)
        .subquery()
    )
    return select(found).where((found.c.from_first == 1) | (found.c.from_last == 1))
