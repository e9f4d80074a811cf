"""How often customers buy, and after how long a product is bought again: the formula, and the rows it fills.

**The formula.** Purchases at least 24 hours apart are occasions; what follows within a day belongs to the one before.
The days between successive occasions are the gaps. A rhythm is the median of the last ten gaps, rounded to the
nearest of `STEPS`: whole days up to two months, whole weeks up to a year, four weeks up to two years. Longer than
that is no rhythm. The next purchase is expected at the last one and the rhythm later.

- A customer's rhythm takes all their orders, and needs two occasions. Cancelled orders and those refunded in full do
  not count.
- A customer's rhythm for a product takes their orders with it, and needs two occasions.
- A product's rhythm is the median of all gaps of all customers in the last two years, and needs five customers who
  bought it at least twice. It stands in for customers who bought the product once.

Work is O(what changed): a customer whose orders changed is marked stale and worked out again from their own orders; a
product is looked at again at most once a day, and only after somebody bought it again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import CustomerRhythm, CustomerScore, Order, OrderItem, ProductRhythm, Repurchase
from automation.upsert import insert_into, table_of

DAY = timedelta(days=1)
STEPS = (*range(1, 61), *range(63, 365, 7), *range(392, 729, 28))
"""Every rhythm there is, in days. Few enough that a sweep can probe an index once for each."""
RECENT = 10
"""Gaps of one customer that count."""
LEAST_CUSTOMERS = 5
LOOK_BACK = timedelta(days=730)
PRODUCT_EVERY = DAY


def gaps(bought: Iterable[datetime]) -> list[float]:
    """Days between successive occasions. `bought` comes in order of time."""
    found: list[float] = []
    last: datetime | None = None
    for at in bought:
        if last is None:
            last = at
        elif at - last >= DAY:
            found.append((at - last) / DAY)
            last = at
    return found


def rhythm_of(found: Sequence[float]) -> int | None:
    """The median of gaps, as one of STEPS; None without gaps or beyond two years."""
    if not found:
        return None
    days: float = median(found)
    if days > STEPS[-1]:
        return None
    place = bisect_left(STEPS, days)
    # Half-way between two it is the longer one: better a day late than early.
    is_nearer_below = place > 0 and days - STEPS[place - 1] < STEPS[place] - days
    nearest: int = STEPS[place - 1 if is_nearer_below else place]
    return nearest


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order as the rhythms see it."""

    id: int
    placed_at: datetime
    net: int
    rhythm_days: int
    """As it is stored."""
    products: frozenset[int]


def counted() -> ColumnElement[bool]:
    """True for an order that counts: not cancelled, not refunded in full."""
    return Order.cancelled_at.is_(None) & or_(Order.refunded == 0, Order.refunded < Order.total)


def mark_stale(session: Session, store_id: int, customer_ids: Collection[int]) -> None:
    """Have these customers worked out again. Called in the transaction that changes their orders."""
    if not customer_ids:
        return
    bulk.insert(
        session,
        CustomerRhythm,
        [{"customer_id": i, "store_id": store_id, "is_stale": True} for i in sorted(customer_ids)],
        skip=["customer_id"],
        replace=["is_stale"],
    )


def mark_buyers_of(session: Session, first_id: int, last_id: int) -> None:
    """Have the customers of a run of new orders, by id, worked out again."""
    _mark(
        session,
        select(Order.customer_id, Order.store_id, literal(value=True)).where(
            Order.id >= first_id, Order.id <= last_id, Order.customer_id.is_not(None)
        ),
    )


def _mark(session: Session, whom: Select[int | None, int, bool]) -> None:
    # DISTINCT, for a row must not be hit twice; in order, so that two writers cannot wait for each other.
    statement = insert_into(session, CustomerRhythm).from_select(
        ["customer_id", "store_id", "is_stale"], whom.distinct().order_by(Order.customer_id)
    )
    session.execute(statement.on_conflict_do_update(index_elements=["customer_id"], set_={"is_stale": True}))


def summarise_customers(session: Session, customer_ids: Collection[int], now: datetime) -> None:
    """Work out these customers' rows from their orders: nine statements, however many they are.

    What is expected of them becomes due with it.
    """
    purchases = _purchases(session, customer_ids)
    usual = _usual(session, {p for bought in purchases.values() for o in bought for p in o.products})
    mine = CustomerRhythm.customer_id.in_(customer_ids)
    stores = dict(session.execute(select(CustomerRhythm.customer_id, CustomerRhythm.store_id).where(mine)).all())
    rows: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    repeated: dict[int, int] = {}
    for customer_id, store_id in stores.items():
        bought = purchases.get(customer_id, [])
        rows.append(_summary(customer_id, store_id, bought, now))
        orders += _renewed(bought)
        for line in _repurchases(bought, usual):
            again.append({"store_id": store_id, "customer_id": customer_id, **line})
        repeated |= dict.fromkeys(_bought_again(bought), store_id)
    bulk.insert(
        session,
        CustomerRhythm,
        rows,
        skip=["customer_id"],
        replace=[c for c in rows[0] if c not in ("customer_id", "store_id")] if rows else (),
    )
    bulk.insert(
        session,
        CustomerScore,
        [{"customer_id": row["customer_id"], "store_id": row["store_id"], "due_at": now} for row in rows],
        skip=["customer_id"],
        replace=["due_at"],
    )
    bulk.update(session, Order, orders)
    _keep_repurchases(session, customer_ids, again)
    bulk.insert(
        session,
        ProductRhythm,
        [{"product_id": p, "store_id": s, "is_stale": True} for p, s in sorted(repeated.items())],
        skip=["product_id"],
        replace=["is_stale"],
    )


def summaries(session: Session, stores: Mapping[int, int], now: datetime) -> dict[int, dict[str, Any]]:
    """What ought to stand in the row of each of these customers ({customer's id: store's}); two statements."""
    purchases = _purchases(session, list(stores))
    return {c: _summary(c, store_id, purchases.get(c, []), now) for c, store_id in stores.items()}


def _usual(session: Session, product_ids: Collection[int]) -> dict[int, int]:
    found = select(ProductRhythm.product_id, ProductRhythm.median_days).where(ProductRhythm.product_id.in_(product_ids))
    return {product_id: days for product_id, days in session.execute(found) if days}


def _purchases(session: Session, customer_ids: Collection[int]) -> dict[int, list[Purchase]]:
    items: dict[int, set[int]] = defaultdict(set)
    mine = Order.customer_id.in_(customer_ids)
    for order_id, product_id in session.execute(
        select(OrderItem.order_id, OrderItem.product_id)
        .join(Order, Order.id == OrderItem.order_id)
        .where(mine, OrderItem.product_id.is_not(None), OrderItem.quantity > 0)
    ):
        items[order_id].add(product_id or 0)
    found: dict[int, list[Purchase]] = defaultdict(list)
    net = (Order.total - Order.refunded).label("net")
    for row in session.execute(
        select(Order.id, Order.customer_id, Order.placed_at, Order.rhythm_days, net)
        .where(mine, counted())
        .order_by(Order.placed_at, Order.id)
    ):
        products = frozenset(items[row.id])
        found[row.customer_id].append(Purchase(row.id, row.placed_at, row.net, row.rhythm_days, products))
    return found


def _summary(customer_id: int, store_id: int, bought: Sequence[Purchase], now: datetime) -> dict[str, Any]:
    days = rhythm_of(gaps(o.placed_at for o in bought)[-RECENT:])
    last = bought[-1].placed_at if bought else None
    occasions = _occasions(bought)
    return {
        "customer_id": customer_id,
        "store_id": store_id,
        "order_count": len(bought),
        "spent": sum(o.net for o in bought),
        "occasions": len(occasions),
        "repeat_spent": sum(net for _, net in occasions[1:]),
        "last_occasion_at": occasions[-1][0] if occasions else None,
        "first_order_at": bought[0].placed_at if bought else None,
        "last_order_at": last,
        "median_days": days,
        "next_expected_at": last + timedelta(days=days) if last and days else None,
        "is_stale": False,
        "summarised_at": now,
    }


def _occasions(bought: Sequence[Purchase]) -> list[tuple[datetime, int]]:
    """When each occasion began, and what was spent on it."""
    found: list[tuple[datetime, int]] = []
    for order in bought:
        if found and order.placed_at - found[-1][0] < DAY:
            found[-1] = found[-1][0], found[-1][1] + order.net
        else:
            found.append((order.placed_at, order.net))
    return found


def _as_of_each(bought: Sequence[Purchase]) -> list[int | None]:
    """The rhythm as of each purchase: what was known the moment it was made."""
    found: list[int | None] = []
    between: list[float] = []
    last: datetime | None = None
    for order in bought:
        if last is None or order.placed_at - last >= DAY:
            if last is not None:
                between.append((order.placed_at - last) / DAY)
            last = order.placed_at
        found.append(rhythm_of(between[-RECENT:]))
    return found


def _renewed(bought: Sequence[Purchase]) -> list[dict[str, Any]]:
    """The orders whose own rhythm is no longer what is stored."""
    pairs = zip(bought, _as_of_each(bought), strict=True)
    return [{"id": o.id, "rhythm_days": days or 0} for o, days in pairs if o.rhythm_days != (days or 0)]


def _by_product(bought: Sequence[Purchase]) -> dict[int, list[Purchase]]:
    found: dict[int, list[Purchase]] = defaultdict(list)
    for order in bought:
        for product_id in sorted(order.products):
            found[product_id].append(order)
    return found


def _repurchases(bought: Sequence[Purchase], usual: Mapping[int, int]) -> Iterable[dict[str, Any]]:
    for product_id, orders in _by_product(bought).items():
        for order, own in zip(orders, _as_of_each(orders), strict=True):
            days = own or usual.get(product_id)
            if days:
                yield {
                    "order_id": order.id,
                    "product_id": product_id,
                    "bought_at": order.placed_at,
                    "days": days,
                    "is_own": own is not None,
                    "expected_at": order.placed_at + timedelta(days=days),
                }


def _keep_repurchases(session: Session, customer_ids: Collection[int], rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what is stored, row by row: enrolments refer to them by id."""
    table = table_of(Repurchase)
    kept = {(row["order_id"], row["product_id"]) for row in rows}
    stored = session.execute(
        select(table.c.id, table.c.order_id, table.c.product_id).where(table.c.customer_id.in_(customer_ids))
    )
    # Told apart here: SQLite would read the whole list anew for every stored row.
    gone = [row.id for row in stored if (row.order_id, row.product_id) not in kept]
    if gone:
        going = bulk.table(session, [Repurchase.id], [{"id": i} for i in gone])
        session.execute(delete(table).where(table.c.id.in_(select(going.c.id))))
    bulk.insert(
        session,
        Repurchase,
        rows,
        skip=["order_id", "product_id"],
        replace=["store_id", "customer_id", "bought_at", "days", "is_own", "expected_at"],
    )


def _bought_again(bought: Sequence[Purchase]) -> list[int]:
    return [product_id for product_id, orders in _by_product(bought).items() if gaps(o.placed_at for o in orders)]


def summarise_products(session: Session, product_ids: Collection[int], now: datetime) -> None:
    """Work out these products' rhythms. Where one changed, whoever bought it lately becomes stale."""
    bought: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    for row in session.execute(
        select(OrderItem.product_id, Order.customer_id, Order.placed_at)
        .join(Order, Order.id == OrderItem.order_id)
        .where(
            OrderItem.product_id.in_(product_ids),
            OrderItem.quantity > 0,
            Order.customer_id.is_not(None),
            Order.placed_at > now - LOOK_BACK,
            Order.placed_at <= now,
            counted(),
        )
        .order_by(Order.placed_at)
    ):
        bought[row.product_id, row.customer_id].append(row.placed_at)
    between: dict[int, list[list[float]]] = defaultdict(list)
    for (product_id, _), instants in bought.items():
        if found := gaps(instants):
            between[product_id].append(found)
    before = session.execute(
        select(ProductRhythm.product_id, ProductRhythm.median_days).where(ProductRhythm.product_id.in_(product_ids))
    )
    rows, changed = [], []
    for product_id, known in before:
        each = between.get(product_id, [])
        days = rhythm_of([gap for one in each for gap in one]) if len(each) >= LEAST_CUSTOMERS else None
        rows.append(
            {
                "product_id": product_id,
                "customer_count": len(each),
                "median_days": days,
                "is_stale": False,
                "summarised_at": now,
            }
        )
        if days != known:
            # Longer ago than this nothing can still be expected from it.
            since = now - timedelta(days=max(days or 0, known or 0) + 2)
            changed.append({"product_id": product_id, "summarised_at": since})
    bulk.update(session, ProductRhythm, rows, key=("product_id",))
    if changed:
        _mark_buyers(session, changed)


def _mark_buyers(session: Session, changed: Sequence[Mapping[str, Any]]) -> None:
    """Whoever bought it once goes by the product's rhythm: have them worked out again."""
    given = bulk.table(session, [ProductRhythm.product_id, ProductRhythm.summarised_at], changed)
    _mark(
        session,
        select(Order.customer_id, Order.store_id, literal(value=True))
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(given, given.c.product_id == OrderItem.product_id)
        .where(Order.customer_id.is_not(None), Order.placed_at > given.c.summarised_at),
    )


def stale_products(now: datetime, limit: int) -> Select[int]:
    """Products to look at again: bought again since, and not looked at within a day."""
    return (
        select(ProductRhythm.product_id)
        .where(
            ProductRhythm.is_stale,
            or_(ProductRhythm.summarised_at.is_(None), ProductRhythm.summarised_at <= now - PRODUCT_EVERY),
        )
        .order_by(func.coalesce(ProductRhythm.summarised_at, now - LOOK_BACK))
        .limit(limit)
    )


def forget(session: Session, customer_id: int) -> None:
    """Remove what was worked out for a customer whose orders went to another."""
    session.execute(delete(table_of(CustomerScore)).where(CustomerScore.customer_id == customer_id))
    session.execute(delete(table_of(CustomerRhythm)).where(CustomerRhythm.customer_id == customer_id))
    session.execute(delete(table_of(Repurchase)).where(Repurchase.customer_id == customer_id))
