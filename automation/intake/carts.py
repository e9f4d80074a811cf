"""Carts and checkouts: one row for both, joined by the cart's token; orders close them, whichever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select, union_all, update

from automation import visits
from automation.changes import CartChanged, CartDeleted, Line
from automation.intake.batch import (
    MOST_INT,
    Batch,
    Row,
    Shelf,
    earliest,
    fill,
    is_newer,
    latest,
    within,
)
from automation.intake.people import People
from automation.intake.products import Goods
from automation.models import Cart, CartItem, Order
from automation.upsert import table_of


def take_carts(batch: Batch, people: People, changes: Sequence[CartChanged]) -> None:
    """Take over carts and checkouts."""
    if changes:
        carts = _Carts(batch, people, changes)
        for change in changes:
            carts.change(change)
        carts.flush()


class _Carts:
    def __init__(self, batch: Batch, people: People, changes: Sequence[CartChanged]) -> None:
        self._batch, self._people = batch, people
        self._shelf = Shelf(batch, Cart)
        self._lines: dict[str, Sequence[Line]] = {}
        self._visits: list[tuple[Row, Row]] = []
        """Carts that were touched again, each with what it was until then."""
        tokens = {change.external_id for change in changes}
        checkouts = {change.checkout_id for change in changes if change.checkout_id}
        either = or_(Cart.external_id.in_(tokens), Cart.checkout_id.in_(checkouts))
        rows = self._shelf.load(Cart.store_id == batch.store_id, either)
        self._by_token = {row["external_id"]: row for row in rows}
        self._by_checkout = {row["checkout_id"]: row for row in rows if row["checkout_id"]}
        self._orders = _orders(batch, tokens, checkouts)

    def change(self, change: CartChanged) -> None:
        row = self._row(change)
        newer = is_newer(change.updated_at, row["external_updated_at"])
        self._batch.tally(is_newer=newer)
        if visits.is_another(row, change.updated_at):
            self._visits.append((row, visits.past(row, change.updated_at)))
            row["visit_at"] = change.updated_at
        owner = self._people.find(change.person)
        fill(
            row,
            {
                "customer_id": owner["id"] if owner else None,
                "checkout_id": change.checkout_id,
                "recovery_url": change.recovery_url,
            },
            newer=newer,
        )
        if change.checkout_id:
            self._by_checkout[change.checkout_id] = row
            row["checkout_at"] = earliest(row["checkout_at"], change.checkout_at or change.updated_at)
        if change.source and not row["source"]:
            row["source"] = change.source
        if newer:
            self._renew(row, change)
        row["created_at"] = earliest(row["created_at"], change.created_at)
        row["last_activity_at"] = latest(row["last_activity_at"], change.updated_at)
        self._close(row, change)
        self._people.engage(owner, change.updated_at)
        self._shelf.touch(row)

    def _row(self, change: CartChanged) -> Row:
        row = self._by_token.get(change.external_id)
        checkout = self._by_checkout.get(change.checkout_id or "")
        if row is None and checkout is not None:  # a checkout that got, or lost, its cart's token
            row = checkout
            if is_newer(change.updated_at, row["external_updated_at"]):
                row["external_id"] = change.external_id
        elif row is not None and checkout is not None and checkout is not row:  # they came apart: one is enough
            checkout["deleted_at"] = checkout["deleted_at"] or self._batch.now
            checkout["checkout_id"] = None
            fill(row, {name: checkout[name] for name in ("customer_id", "recovery_url", "checkout_at")}, newer=False)
            self._shelf.touch(checkout)
        elif row is None:
            row = self._shelf.add(self._new(change))
        self._by_token[change.external_id] = row
        return row

    def _new(self, change: CartChanged) -> Row:
        return {
            "id": None,
            "store_id": self._batch.store_id,
            "external_id": change.external_id,
            **dict.fromkeys(("customer_id", "checkout_id", "checkout_at", "visit_at", "ordered_at", "deleted_at")),
            "external_updated_at": None,
            "currency": change.currency or self._batch.currency,
            "total": 0,
            "item_count": 0,
            "recovery_url": "",
            "source": {},
            "created_at": change.created_at or change.updated_at,
            "last_activity_at": change.updated_at,
        }

    def _renew(self, row: Row, change: CartChanged) -> None:
        lines = [line for line in change.lines if line.quantity]
        counted = sum(line.quantity * line.price - line.discount for line in lines)
        row["total"] = within(max(0, counted) if change.total is None else change.total)
        row["item_count"] = within(sum(line.quantity for line in lines), MOST_INT)
        row["currency"] = change.currency or row["currency"]
        row["external_updated_at"] = change.updated_at
        if row["deleted_at"] and change.updated_at > row["deleted_at"]:
            row["deleted_at"] = None
        self._lines[row["external_id"]] = lines

    def _close(self, row: Row, change: CartChanged) -> None:
        """Mark the cart ordered when its order was here first."""
        row["ordered_at"] = earliest(row["ordered_at"], change.completed_at)
        for token in (row["external_id"], change.external_id, row["checkout_id"]):
            for placed_at, customer_id in self._orders.get(token, ()):
                row["ordered_at"] = earliest(row["ordered_at"], placed_at)
                row["customer_id"] = row["customer_id"] or customer_id

    def flush(self) -> None:
        self._shelf.flush()
        past = [{**visit, "cart_id": row["id"]} for row, visit in self._visits]
        visits.keep(self._batch.session, self._batch.store_id, past, self._batch.now)
        told = {self._by_token[token]["id"]: lines for token, lines in self._lines.items()}
        if not told:
            return
        session, table = self._batch.session, table_of(CartItem)
        session.execute(delete(table).where(table.c.cart_id.in_(told)))
        goods = Goods(self._batch, (line for lines in told.values() for line in lines))
        rows = [
            goods.item("cart_id", cart_id, position, line)
            for cart_id, lines in told.items()
            for position, line in enumerate(lines)
        ]
        if rows:
            session.connection().execute(insert(table), rows)


def _orders(batch: Batch, tokens: set[str], checkouts: set[str]) -> dict[str | None, list[tuple[datetime, int | None]]]:
    """{cart's or checkout's id: its orders' (placed_at, customer_id)}."""
    by_cart = select(Order.cart_external_id, Order.placed_at, Order.customer_id).where(
        Order.store_id == batch.store_id, Order.cart_external_id.in_(tokens)
    )
    by_checkout = select(Order.checkout_external_id, Order.placed_at, Order.customer_id).where(
        Order.store_id == batch.store_id, Order.checkout_external_id.in_(tokens | checkouts)
    )
    found: dict[str | None, list[tuple[datetime, int | None]]] = {}
    for token, placed_at, customer_id in batch.session.execute(union_all(by_cart, by_checkout)):
        found.setdefault(token, []).append((placed_at, customer_id))
    return found


def close_carts(batch: Batch, orders: Iterable[Row]) -> dict[int, int]:
    """Mark the carts and checkouts that became these orders.

    Answers {order id: customer id} for orders whose customer only the cart knew.
    """
    by_token: dict[str, list[Row]] = {}
    for order in orders:
        for token in {order["cart_external_id"], order["checkout_external_id"]} - {None}:
            by_token.setdefault(token, []).append(order)
    if not by_token:
        return {}
    table, session = table_of(Cart), batch.session
    carts = session.execute(
        select(table.c.id, table.c.external_id, table.c.checkout_id, table.c.customer_id, table.c.ordered_at)
        .where(table.c.store_id == batch.store_id)
        .where(or_(table.c.external_id.in_(by_token), table.c.checkout_id.in_(by_token)))
        .order_by(table.c.id)
    ).all()
    rows: list[Row] = []
    owners: dict[int, int] = {}
    for cart in carts:
        matching = [*by_token.get(cart.external_id, ()), *by_token.get(cart.checkout_id or "", ())]
        ordered_at = earliest(cart.ordered_at, *(order["placed_at"] for order in matching))
        owner = cart.customer_id or next((o["customer_id"] for o in matching if o["customer_id"]), None)
        if (ordered_at, owner) != (cart.ordered_at, cart.customer_id):
            rows.append({"_id": cart.id, "_ordered_at": ordered_at, "_customer_id": owner})
        if owner:
            owners |= {order["id"]: owner for order in matching if order["customer_id"] is None}
    if rows:
        values: Row = {"ordered_at": bindparam("_ordered_at"), "customer_id": bindparam("_customer_id")}
        session.connection().execute(update(table).where(table.c.id == bindparam("_id")).values(values), rows)
    return owners


def take_deleted_carts(batch: Batch, changes: Sequence[CartDeleted]) -> None:
    """Mark carts as gone, unless they were touched since."""
    shelf = Shelf(batch, Cart)
    tokens = {change.external_id for change in changes if change.external_id}
    checkouts = {change.checkout_id for change in changes if change.checkout_id}
    rows = shelf.load(
        Cart.store_id == batch.store_id,
        or_(Cart.external_id.in_(tokens | checkouts), Cart.checkout_id.in_(checkouts)),
    )
    by_token = {row["external_id"]: row for row in rows}
    by_checkout = {row["checkout_id"]: row for row in rows if row["checkout_id"]}
    for change in changes:
        row = (
            by_token.get(change.external_id or "")
            or by_checkout.get(change.checkout_id or "")
            or by_token.get(change.checkout_id or "")
        )
        if row is None:
            batch.unmatched += 1
            continue
        at = change.at or batch.now
        newer = is_newer(at, row["external_updated_at"])
        batch.tally(is_newer=newer)
        if newer:
            row["deleted_at"] = latest(row["deleted_at"], at)
            shelf.touch(row)
    shelf.flush()
