"""What brought an order: its own word, else its cart's, else the customer's last arrival or click before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.insights.touches.channels import Touch, host_of, touch_of
from automation.models import Cart, Event, OrderTouch, Store

ARRIVED = "site.arrived"
"""Name of the event by which a storefront tells how a visit began."""
REACH = timedelta(days=30)
"""How long before an order an arrival may lie to have brought it."""
EMAIL = Touch("email", medium="email")
"""Somebody clicked in one of our mails."""


def trace(session: Session, orders: Sequence[Any], clicked: Mapping[int, datetime]) -> None:
    """Write down what brought these orders; a constant number of statements.

    `orders` have id, store_id, customer_id, placed_at, source, cart_external_id and checkout_external_id; `clicked`
    says when the click was that an order is attributed to, by the order's id.
    """
    hosts = own_hosts(session, {order.store_id for order in orders})
    carts = _carts(session, orders)
    arrivals = _arrivals(session, orders)
    rows = []
    for order in orders:
        host = hosts[order.store_id]
        told = touch_of(order.source, host)
        found = told
        for name in (order.cart_external_id, order.checkout_external_id):
            if found.channel == "unknown" and name:
                found = touch_of(carts.get((order.store_id, name)), host)
        if found.channel == "unknown":
            found = _last_before(order, arrivals.get(order.customer_id, ()), clicked.get(order.id), host)
        found = replace(found, device=told.device or found.device, country=told.country)
        rows.append({"order_id": order.id, "store_id": order.store_id, **asdict(found)})
    columns = [name for name in OrderTouch.__table__.columns.keys() if name not in ("order_id", "store_id")]  # noqa: SIM118  its values are columns
    bulk.insert(session, OrderTouch, rows, skip=["order_id"], replace=columns)


def own_hosts(session: Session, store_ids: Collection[int]) -> dict[int, str]:
    """Each store's own host."""
    rows = session.execute(select(Store.id, Store.url).where(Store.id.in_(store_ids)))
    return {row.id: host_of(row.url) for row in rows}


def _carts(session: Session, orders: Sequence[Any]) -> dict[tuple[int, str], dict[str, Any]]:
    names = {name for o in orders for name in (o.cart_external_id, o.checkout_external_id) if name}
    if not names:
        return {}
    rows = session.execute(
        select(Cart.store_id, Cart.external_id, Cart.checkout_id, Cart.source).where(
            Cart.store_id.in_({o.store_id for o in orders}),
            or_(Cart.external_id.in_(names), Cart.checkout_id.in_(names)),
        )
    )
    return {(row.store_id, name): row.source for row in rows for name in (row.checkout_id, row.external_id) if name}


def _arrivals(session: Session, orders: Sequence[Any]) -> dict[int, list[Any]]:
    wanted = [o for o in orders if o.customer_id is not None]
    found: dict[int, list[Any]] = {}
    if wanted:
        rows = session.execute(
            select(Event.customer_id, Event.at, Event.properties)
            .where(
                and_(Event.customer_id.in_({o.customer_id for o in wanted}), Event.name == ARRIVED),
                Event.at > min(o.placed_at for o in wanted) - REACH,
                Event.at <= max(o.placed_at for o in wanted),
            )
            .order_by(Event.at, Event.id)
        )
        for row in rows:
            found.setdefault(row.customer_id, []).append(row)
    return found


def _last_before(order: Any, arrivals: Sequence[Any], clicked: datetime | None, host: str) -> Touch:
    near = [a for a in arrivals if order.placed_at - REACH < a.at <= order.placed_at]
    if clicked is not None and (not near or clicked >= near[-1].at):
        return replace(EMAIL, device=touch_of(near[-1].properties, host).device if near else "")
    return touch_of(near[-1].properties, host) if near else Touch()
