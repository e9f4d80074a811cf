"""Orders, what went back of their money, and their arrival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from automation.addresses import key_of
from automation.changes import Line, OrderChanged, OrderDeleted, OrderDelivered, OrderRefunded
from automation.insights.recommendations import counting
from automation.intake.batch import Batch, Row, Shelf, earliest, fill, is_newer, latest, within
from automation.intake.carts import close_carts
from automation.intake.people import People
from automation.intake.products import Goods
from automation.models import Event, Order, OrderItem
from automation.rhythms import mark_stale
from automation.upsert import table_of
from automation.waking import ORDER_EVENTS, stir

_MONEY = ("subtotal", "discount", "shipping", "tax", "total", "refunded")
_MILESTONES = ("paid_at", "fulfilled_at", "delivered_at", "cancelled_at")
"""The first time that it was said counts: shops repeat a state with every later update."""

AnyOrderChange = OrderChanged | OrderRefunded | OrderDelivered | OrderDeleted


class Orders:
    """The orders that a run of changes is about."""

    def __init__(self, batch: Batch, changes: Sequence[AnyOrderChange]) -> None:
        self._batch = batch
        self._shelf = Shelf(batch, Order, kept=("rhythm_days",))
        wanted = {_id_of(change) for change in changes}
        rows = self._shelf.load(Order.store_id == batch.store_id, Order.external_id.in_(wanted))
        self._rows = {row["external_id"]: row for row in rows}
        self._before = {row["customer_id"] for row in rows}
        self._lines: dict[str, Sequence[Line]] = {}
        self._linked: dict[str, Row] = {}

    def change(self, people: People, change: OrderChanged) -> None:
        """Take over an order."""
        row = self._rows.get(change.external_id)
        if row is None:
            row = self._rows[change.external_id] = self._shelf.add(self._new(change))
        newer = is_newer(change.updated_at, row["external_updated_at"])
        self._batch.tally(is_newer=newer)
        owner = people.find(change.person)
        fill(
            row,
            {
                "number": change.number,
                "customer_id": owner["id"] if owner else None,
                "email_key": key_of(change.person.email) if change.person else None,
                "cart_external_id": change.cart_external_id,
                "checkout_external_id": change.checkout_external_id,
                "codes": change.codes or None,
            },
            newer=newer,
        )
        row["email_key"] = row["email_key"] or (owner and owner["email_key"])
        if change.source and not row["source"]:
            row["source"] = change.source
        for name in _MILESTONES:
            row[name] = earliest(row[name], getattr(change, name))
        if newer:
            self._renew(row, change)
        self._linked[change.external_id] = row
        people.engage(owner, change.placed_at)
        self._touch(row)

    def _new(self, change: OrderChanged) -> Row:
        return {
            "id": None,
            "store_id": self._batch.store_id,
            "external_id": change.external_id,
            "number": "",
            **dict.fromkeys(("customer_id", "email_key", "cart_external_id", "checkout_external_id")),
            **dict.fromkeys((*_MILESTONES, "external_updated_at")),
            **dict.fromkeys(_MONEY, 0),
            "currency": change.currency,
            "codes": [],
            "source": {},
            "is_unsettled": True,
            "is_untraced": True,
            "placed_at": change.placed_at,
            "recorded_at": self._batch.now,
        }

    def _renew(self, row: Row, change: OrderChanged) -> None:
        for name in _MONEY:
            value = getattr(change, name)
            if value is not None:
                row[name] = value
        row["currency"], row["placed_at"] = change.currency, change.placed_at
        row["external_updated_at"] = latest(row["external_updated_at"], change.updated_at)
        if change.lines is not None:
            self._lines[change.external_id] = [line for line in change.lines if line.quantity]

    def _touch(self, row: Row) -> None:
        row["is_unsettled"] = row["is_untraced"] = True
        self._shelf.touch(row)

    def deliver(self, change: OrderDelivered) -> None:
        """An order has arrived."""
        row = self._rows.get(change.order_external_id)
        if row is None:
            self._batch.unmatched += 1
            return
        row["delivered_at"] = earliest(row["delivered_at"], change.at)
        self._batch.applied += 1
        self._touch(row)

    def refund(self, changes: Sequence[OrderRefunded]) -> None:
        """Add up what went back. Each refund leaves an event, by whose id it is known the next time."""
        if not changes:
            return
        session, events = self._batch.session, table_of(Event)
        ids = {
            change.external_id: f"{self._batch.connection.id}:refund:{change.external_id}"[:160] for change in changes
        }
        told = set(
            session.scalars(
                select(events.c.external_id).where(
                    events.c.store_id == self._batch.store_id, events.c.external_id.in_(set(ids.values()))
                )
            )
        )
        self._shelf.flush()  # the events name their order's customer
        new: list[Row] = []
        for change in changes:
            row, external_id = self._rows.get(change.order_external_id), ids[change.external_id]
            if external_id in told:
                self._batch.repeated += 1
            elif row is None:
                self._batch.unmatched += 1
            else:
                told.add(external_id)
                row["refunded"] = within(row["refunded"] + change.amount)
                self._touch(row)
                new.append(self._event(row, change, external_id))
                self._batch.applied += 1
        if new:
            session.connection().execute(insert(events), new)

    def _event(self, order: Row, change: OrderRefunded, external_id: str) -> Row:
        return {
            "store_id": self._batch.store_id,
            "customer_id": order["customer_id"],
            "name": "order.refunded",
            "at": change.at,
            "properties": {
                "order": order["external_id"],
                "number": order["number"],
                "amount": change.amount,
                "currency": order["currency"],
            },
            "external_id": external_id,
            "recorded_at": self._batch.now,
        }

    def cancel(self, change: OrderDeleted) -> None:
        """An order that is gone counts as cancelled."""
        row = self._rows.get(change.external_id)
        if row is None:
            self._batch.unmatched += 1
            return
        row["cancelled_at"] = row["cancelled_at"] or self._batch.now
        self._batch.applied += 1
        self._touch(row)

    def flush(self) -> None:
        """Write the orders with their lines, and mark the carts that they were."""
        # Before the orders themselves: the summarise stage locks in this order too.
        owners_now = {row["customer_id"] for row in self._rows.values()}
        mark_stale(self._batch.session, self._batch.store_id, (self._before | owners_now) - {None})
        self._shelf.flush()
        self._write_lines()
        counting.mark(self._batch.session, self._batch.store_id, {row["id"] for row in self._rows.values()})
        owners = close_carts(self._batch, self._linked.values())
        if owners:
            mark_stale(self._batch.session, self._batch.store_id, set(owners.values()))
            table = table_of(Order)
            self._batch.session.connection().execute(
                update(table)
                .where(table.c.id == bindparam("_id"))
                .values(customer_id=bindparam("_customer_id"), is_unsettled=True, is_untraced=True),
                [{"_id": order_id, "_customer_id": owner} for order_id, owner in owners.items()],
            )
        happened = (
            (owners.get(row["id"], row["customer_id"]), event)
            for row in self._rows.values()
            for event, column in ORDER_EVENTS.items()
            if row[column] is not None
        )
        stir(self._batch.session, happened, self._batch.now)

    def _write_lines(self) -> None:
        told = {self._rows[external_id]["id"]: lines for external_id, lines in self._lines.items()}
        if not told:
            return
        session, table = self._batch.session, table_of(OrderItem)
        session.execute(delete(table).where(table.c.order_id.in_(told)))
        goods = Goods(self._batch, (line for lines in told.values() for line in lines))
        rows: list[dict[str, Any]] = [
            {**goods.item("order_id", order_id, position, line), "discount": line.discount}
            for order_id, lines in told.items()
            for position, line in enumerate(lines)
        ]
        if rows:
            session.connection().execute(insert(table), rows)


def _id_of(change: AnyOrderChange) -> str:
    return change.order_external_id if isinstance(change, OrderRefunded | OrderDelivered) else change.external_id


def take_orders(batch: Batch, people: People, changes: Sequence[AnyOrderChange]) -> None:
    """Take over orders first, then what happened to them."""
    if not changes:
        return
    orders = Orders(batch, changes)
    for change in changes:
        if isinstance(change, OrderChanged):
            orders.change(people, change)
    orders.refund([change for change in changes if isinstance(change, OrderRefunded)])
    for change in changes:
        if isinstance(change, OrderDelivered):
            orders.deliver(change)
    orders.flush()


def take_deleted_orders(batch: Batch, changes: Sequence[OrderDeleted]) -> None:
    """Cancel orders that the shop deleted."""
    orders = Orders(batch, changes)
    for change in changes:
        orders.cancel(change)
    orders.flush()
