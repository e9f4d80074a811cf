"""Fifth stage: orders that followed a click are counted for the mail that was clicked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from automation.app import App
from automation.faults import declare, fault
from automation.models import Conversion, Cursor, Message, MessageEvent, Order, Store
from automation.policy import Policy

declare("attribute.before_commit")

_NAME = "attribute"


def attribute(app: App, now: datetime, limit: int) -> int:
    """Attribute at most `limit` new orders to the last click before them; the number of orders looked at.

    Reads orders once, in the order they were recorded. Four statements, however many orders there are.
    """
    with app.db.read() as session:
        cursor = session.get(Cursor, _NAME)
        position = cursor.position if cursor else 0
        if session.scalars(select(Order.id).where(Order.id > position).limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        cursor = session.get(Cursor, _NAME) or Cursor(name=_NAME, position=0, at=now)
        orders = session.execute(
            select(Order.id, Order.store_id, Order.customer_id, Order.placed_at, Store.policy)
            .join(Store, Store.id == Order.store_id)
            .where(Order.id > cursor.position)
            .order_by(Order.id)
            .limit(limit)
        ).all()
        if not orders:
            return 0
        found = _conversions(session, orders)
        if found:
            dialect: Any = sqlite if app.db.is_sqlite else postgresql
            session.execute(dialect.insert(Conversion).on_conflict_do_nothing(), found)
        cursor.position, cursor.at = orders[-1].id, now
        session.merge(cursor)
        fault("attribute.before_commit")
    return len(orders)


def _conversions(session: Session, orders: Sequence[Any]) -> list[dict[str, Any]]:
    windows = {row.store_id: timedelta(days=Policy.model_validate(row.policy).attribution_days) for row in orders}
    known = [row for row in orders if row.customer_id is not None]
    if not known:
        return []
    clicks: dict[int, list[Any]] = {}
    found = session.execute(
        select(Message.customer_id, Message.id, Message.campaign_id, MessageEvent.at)
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(
            Message.customer_id.in_({row.customer_id for row in known}),
            MessageEvent.type == "click",
            MessageEvent.is_machine.is_(False),
            MessageEvent.at > min(row.placed_at for row in known) - max(windows.values()),
        )
        .order_by(MessageEvent.at)
    )
    for click in found:
        clicks.setdefault(click.customer_id, []).append(click)
    rows = []
    for order in known:
        since = order.placed_at - windows[order.store_id]
        before = [c for c in clicks.get(order.customer_id, ()) if since < c.at <= order.placed_at]
        if before:
            last = before[-1]
            rows.append(
                {
                    "order_id": order.id,
                    "store_id": order.store_id,
                    "campaign_id": last.campaign_id,
                    "message_id": last.id,
                    "clicked_at": last.at,
                    "at": order.placed_at,
                }
            )
    return rows
