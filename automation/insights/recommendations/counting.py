"""Orders → how often products stand together. A changed order changes the counts by its difference, once."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, delete, func, literal, literal_column, select, text
from sqlalchemy.orm import Session

from automation import bulk, cursors
from automation.app import App
from automation.insights.recommendations.heat import weight
from automation.models import Basket, Cursor, Order, OrderItem, ProductDemand, ProductPair
from automation.rhythms import counted
from automation.upsert import insert_into, table_of

log = logging.getLogger(__name__)

LARGEST = 20
"""Products of an order beyond which it says nothing of what goes together.

On Online Retail 20 finds more than 60 (hit rate at 10: 0.386 against 0.374), with a fifth of the pairs.
"""
AT_ONCE = 200
"""Orders counted in one call, each of which may have thousands of pairs."""
NAME = "recommendations"
_STALE = text("baskets.is_stale")
"""Spelt as the partial index spells it."""


def mark(session: Session, store_id: int, order_ids: Collection[int]) -> None:
    """Have these orders counted again. Called in the transaction that changes them; one statement."""
    rows = [{"order_id": i, "store_id": store_id, "is_stale": True} for i in sorted(order_ids)]
    bulk.insert(session, Basket, rows, skip=["order_id"], replace=["is_stale"])


def find_new(app: App, now: datetime, limit: int) -> int:
    """Mark orders that came in by no door of ours (imports, the demo's past); how many ids were looked at."""
    with app.db.read() as session:
        if not session.scalars(_next(1)).all():
            return 0
    with app.db.write() as session:
        ids = session.scalars(_next(limit)).all()
        if ids:
            found = select(Order.id, Order.store_id, literal([], table_of(Basket).c.products.type), literal(value=True))
            found = found.where(Order.id >= ids[0], Order.id <= ids[-1]).order_by(Order.id)
            statement = insert_into(session, Basket).from_select(
                ["order_id", "store_id", "products", "is_stale"], found
            )
            session.execute(statement.on_conflict_do_nothing(index_elements=["order_id"]))
            cursors.move(session, NAME, ids[-1], now)
    return len(ids)


def _next(limit: int) -> Select[int]:
    position = select(func.coalesce(func.max(Cursor.position), 0)).where(Cursor.name == NAME).scalar_subquery()
    return select(Order.id).where(Order.id > position).order_by(Order.id).limit(limit)


def count(app: App) -> int:
    """Count up to `AT_ONCE` orders that are new or changed; how many were looked at."""
    stale = select(Basket).where(_STALE)
    with app.db.read() as session:
        if session.execute(stale.limit(1)).first() is None:
            return 0
    with app.db.write() as session:
        claimed = stale.order_by(Basket.order_id).limit(AT_ONCE).with_for_update(skip_locked=True)
        baskets = session.scalars(claimed).all()
        if baskets:
            _bring_up(session, baskets)
    return len(baskets)


@dataclass(slots=True)
class Changes:
    """What is to be added to the counts."""

    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)
    orders: Counter[int] = field(default_factory=Counter)
    heat: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    last_at: dict[int, datetime] = field(default_factory=dict)
    stores: dict[int, int] = field(default_factory=dict)

    def add(self, store_id: int, products: Sequence[int], at: datetime | None, sign: int) -> None:
        """Count an order in (1) or out (-1)."""
        if at is None:
            return
        for product in products:
            self.stores[product] = store_id
            self.orders[product] += sign
            self.heat[product] += sign * weight(at)
            if sign > 0:
                self.last_at[product] = max(at, self.last_at.get(product, at))
        if len(products) <= LARGEST:
            for product in products:
                for other in products:
                    if other != product:
                        self.pairs[product, other] += sign


def _bring_up(session: Session, baskets: Sequence[Basket]) -> None:
    orders = {basket.order_id: basket for basket in baskets}
    now = _as_they_are(session, orders)
    changes = Changes()
    rows = []
    for order_id, basket in orders.items():
        products, at = now.get(order_id, ([], None))
        if (products, at if products else None) != (basket.products, basket.placed_at):
            changes.add(basket.store_id, basket.products, basket.placed_at, -1)
            changes.add(basket.store_id, products, at, 1)
        rows.append(
            {
                "order_id": order_id,
                "products": products,
                "placed_at": at if products else None,
                "is_stale": False,
            }
        )
    _add_pairs(session, changes.pairs)
    _add_demand(session, changes)
    bulk.update(session, Basket, rows, key=("order_id",))


def _as_they_are(session: Session, orders: Iterable[int]) -> dict[int, tuple[list[int], datetime]]:
    """The products of each order that counts, and when it was placed."""
    given = bulk.table(session, [Basket.order_id], [{"order_id": i} for i in sorted(orders)])
    lines = (
        select(Order.id, Order.placed_at, OrderItem.product_id)
        .join_from(given, Order, Order.id == given.c.order_id)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(counted(), OrderItem.product_id.is_not(None), OrderItem.quantity > 0)
        .distinct()
    )
    found: dict[int, tuple[list[int], datetime]] = {}
    for order_id, at, product_id in session.execute(lines):
        found.setdefault(order_id, ([], at))[0].append(product_id or 0)
    for products, _ in found.values():
        products.sort()
    return found


def _add_pairs(session: Session, pairs: Mapping[tuple[int, int], int]) -> None:
    rows: list[dict[str, Any]] = [
        {"product_id": a, "other_id": b, "orders": n} for (a, b), n in sorted(pairs.items()) if n
    ]
    if not rows:
        return
    table = table_of(ProductPair)
    _insert_adding(session, ProductPair, rows, ["product_id", "other_id"], {})
    gone = [row for row in rows if int(row["orders"]) < 0]
    if gone:
        given = bulk.table(session, [ProductPair.product_id, ProductPair.other_id], gone)
        here = (given.c.product_id == table.c.product_id) & (given.c.other_id == table.c.other_id)
        session.execute(delete(table).where(table.c.orders <= 0, select(given.c.product_id).where(here).exists()))


def _add_demand(session: Session, changes: Changes) -> None:
    table = table_of(ProductDemand)
    rows: list[dict[str, Any]] = [
        {
            "product_id": product,
            "store_id": store_id,
            "orders": changes.orders[product],
            "heat": changes.heat[product],
            "last_at": changes.last_at.get(product),
            "is_stale": True,
            "partners": [],
        }
        for product, store_id in sorted(changes.stores.items())
    ]
    if rows:
        _insert_adding(
            session,
            ProductDemand,
            rows,
            ["product_id"],
            {
                # What is left of numbers far apart after adding and taking away is not nothing.
                "heat": lambda new: case((table.c.orders + new.orders <= 0, 0.0), else_=table.c.heat + new.heat),
                "last_at": lambda new: case(
                    (
                        new.last_at.is_not(None) & (new.last_at > func.coalesce(table.c.last_at, new.last_at)),
                        new.last_at,
                    ),
                    else_=func.coalesce(table.c.last_at, new.last_at),
                ),
                "is_stale": lambda new: new.is_stale,
            },
        )


def _insert_adding(
    session: Session, model: type[Any], rows: bulk.Rows, key: Sequence[str], also: Mapping[str, Any]
) -> None:
    """Insert rows; where a row is there already its `orders` grow instead."""
    table = table_of(model)
    columns = [table.c[name] for name in rows[0]]
    given = bulk.table(session, columns, rows)
    # SQLite needs a WHERE between the SELECT and ON CONFLICT.
    source = select(*(given.c[c.name] for c in columns)).where(literal_column("1") == literal_column("1"))
    statement = insert_into(session, model).from_select([c.name for c in columns], source)
    new = statement.excluded
    grown = {"orders": table.c.orders + new.orders, **{name: made(new) for name, made in also.items()}}
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=grown))
