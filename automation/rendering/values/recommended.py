"""What other customers bought together with what this one bought."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from automation.models import Message, Order, OrderItem, Product
from automation.rendering.value import Batch, Value
from automation.rendering.wares import COLUMNS, is_presentable, new_arrivals, ware

SHOWN = 4
_ORDERS = 200
"""So many of a product's latest orders are looked at: enough to tell, and a bestseller costs no more than others."""
_PARTNERS = 24
"""So many partners of each product are looked at."""
_LEAST = 2
"""Bought together once is chance."""


class RecommendedValue(Value):
    """At most four products that go with the order the mail is about (else the customer's last one): what is most
    often bought together with its products, can be had, and the customer never bought; filled up with what is new in
    the store. title, url, image_url, price, compare_at.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        baskets = _baskets(batch, messages)
        partners = _partners(batch, {p for basket in baskets.values() for p in basket})
        owned = _owned(batch, messages)
        news = new_arrivals(batch.session, {m.store_id for m in messages}, 3 * SHOWN)
        wanted = {p for counted in partners.values() for p in counted}
        rows = {row.id: row for row in _presentable(batch, wanted)}
        values: dict[int, Any] = {}
        for m in messages:
            has = owned.get(m.customer_id, set[int]()) | set(baskets.get(m.id, ()))
            score: Counter[int] = Counter()
            for product in baskets.get(m.id, ()):
                score.update(partners.get(product, {}))
            best = sorted((p for p in score if p in rows and p not in has), key=lambda p: (-score[p], p))
            chosen = [rows[p] for p in best if rows[p].store_id == m.store_id]
            known = has | set(best)
            chosen += [row for row in news.get(m.store_id, ()) if row.id not in known]
            values[m.id] = [ware(row) for row in chosen[:SHOWN]]
        none: list[Any] = []
        return lambda m: values.get(m.id, none)


def _baskets(batch: Batch, messages: Sequence[Message]) -> dict[int, list[int]]:
    """The products of the order each message goes by, by message id."""
    about = batch.about(messages, "order")
    place = func.row_number().over(partition_by=Order.customer_id, order_by=(Order.placed_at.desc(), Order.id.desc()))
    others = sorted({m.customer_id for m in messages if m.id not in about})
    last = {}
    if others:
        ranked = (
            select(Order.id, Order.customer_id, place.label("place"))
            .where(Order.customer_id.in_(others), Order.placed_at <= batch.now, Order.cancelled_at.is_(None))
            .subquery()
        )
        last = {row.customer_id: row.id for row in batch.session.execute(select(ranked).where(ranked.c.place == 1))}
    orders = {m.id: about.get(m.id) or last.get(m.customer_id) for m in messages}
    lines: dict[tuple[int, int], list[int]] = defaultdict(list)
    found = (
        select(Order.customer_id, Order.id, OrderItem.product_id)
        .join_from(Order, OrderItem, OrderItem.order_id == Order.id)
        .where(Order.id.in_(sorted({i for i in orders.values() if i})), OrderItem.product_id.is_not(None))
        .order_by(Order.id, OrderItem.position)
    )
    for row in batch.session.execute(found):
        lines[row.customer_id, row.id].append(row.product_id)
    return {m.id: lines.get((m.customer_id, orders[m.id] or 0), []) for m in messages}


def _partners(batch: Batch, products: Collection[int]) -> Mapping[int, Mapping[int, int]]:
    """In how many of a product's latest orders each other product stands, by product."""
    if not products:
        return {}
    item, other = aliased(OrderItem), aliased(OrderItem)
    newest = func.row_number().over(partition_by=item.product_id, order_by=item.order_id.desc())
    latest = (
        select(item.product_id, item.order_id, newest.label("place"))
        .where(item.product_id.in_(sorted(products)))
        .subquery()
    )
    count = func.count(other.order_id.distinct())
    best = func.row_number().over(partition_by=latest.c.product_id, order_by=(count.desc(), other.product_id))
    pairs = (
        select(latest.c.product_id, other.product_id.label("partner"), count.label("orders"), best.label("place"))
        .join_from(latest, other, other.order_id == latest.c.order_id)
        .where(latest.c.place <= _ORDERS, other.product_id.is_not(None), other.product_id != latest.c.product_id)
        .group_by(latest.c.product_id, other.product_id)
        .having(count >= _LEAST)
        .subquery()
    )
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for row in batch.session.execute(select(pairs).where(pairs.c.place <= _PARTNERS)):
        found[row.product_id][row.partner] = row.orders
    return found


def _owned(batch: Batch, messages: Sequence[Message]) -> dict[int, set[int]]:
    """What each customer ever bought."""
    found = (
        select(Order.customer_id, OrderItem.product_id)
        .join_from(Order, OrderItem, OrderItem.order_id == Order.id)
        .where(Order.customer_id.in_(sorted({m.customer_id for m in messages})), OrderItem.product_id.is_not(None))
        .distinct()
    )
    owned: dict[int, set[int]] = defaultdict(set)
    for row in batch.session.execute(found):
        owned[row.customer_id].add(row.product_id)
    return owned


def _presentable(batch: Batch, ids: Collection[int]) -> Sequence[Any]:
    if not ids:
        return ()
    return batch.session.execute(select(*COLUMNS).where(Product.id.in_(sorted(ids)), is_presentable())).all()
