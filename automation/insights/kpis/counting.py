"""Counts and sums behind the key figures: every measure of every period in one statement, the gaps between first and
second orders in another.

Each is read from an index over its time (orders, carts and mails of the period, consents given and withdrawn), so it
costs by what the period holds; lifetimes by the orders of those who bought in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    case,
    cast,
    distinct,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from automation.insights.kpis.dimensions import Dimension, Side
from automation.insights.periods import Period
from automation.insights.report import Asked
from automation.models import Cart, Consent, Conversion, Message, Order, OrderItem, Product, UTCDateTime

WIDTH = 5
"""Numbers that a measure gives."""


@dataclass(slots=True)
class Counted:
    """What was counted for one value in one period."""

    measures: dict[str, list[int]] = field(default_factory=dict)
    gaps: list[timedelta] = field(default_factory=list)
    """Between the first and the second order of those whose second order was in the period."""

    def get(self, measure: str, index: int) -> int:
        """A number; 0 where there was nothing to count."""
        found = self.measures.get(measure)
        return found[index] if found else 0


Counts = dict[tuple[str, str], Counted]
"""(the period's tag, the value) → what was counted."""


def count(session: Session, asked: Asked, by: Dimension, periods: Mapping[str, Period]) -> Counts:
    """Count everything for each value of a dimension in each of these periods; two statements."""
    scope = _Scope(asked, by, asked.customers(session))
    found: Counts = defaultdict(Counted)
    parts = [part for tag, period in periods.items() for part in scope.measures(tag, period)]
    for measure, tag, key, *numbers in session.execute(union_all(*parts)):
        value = by.reads(key) if measure == "carts" else key
        sums = found[tag, value].measures.setdefault(measure, [0] * WIDTH)
        for index, number in enumerate(numbers):
            sums[index] += int(number or 0)
    for tag, key, first_at, second_at in session.execute(
        union_all(*(scope.seconds(tag, period) for tag, period in periods.items()))
    ):
        found[tag, key].gaps.append(second_at - first_at)
    return found


def others(session: Session, asked: Asked) -> Sequence[tuple[str, int]]:
    """Orders of the period in other currencies, which the figures leave out: (currency, how many)."""
    rows = session.execute(
        select(Order.currency, func.count())
        .where(
            Order.store_id == asked.store_id,
            *_within(Order.placed_at, asked.period),
            Order.currency != asked.currency,
        )
        .group_by(Order.currency)
        .order_by(Order.currency)
    )
    return [(currency, number) for currency, number in rows]


def _within(at: Any, period: Period) -> list[ColumnElement[bool]]:
    return [at >= period.since, at < period.until]


def _sum(value: Any) -> ColumnElement[Any]:
    return func.coalesce(func.sum(value), 0)


def _where(condition: Any, value: Any = 1) -> ColumnElement[Any]:
    return _sum(case((condition, value), else_=0))


class _Scope:
    """The selects of one question."""

    def __init__(self, asked: Asked, by: Dimension, customers: Select[int] | None) -> None:
        self._asked = asked
        self._by = by
        self._customers = customers

    def measures(self, tag: str, period: Period) -> list[Select[Any]]:
        """Every measure that the dimension can tell apart."""
        by = self._by
        parts = [self._sales(tag, period), self._margin(tag, period), self._life(tag, period)]
        if by.carts:
            parts.append(self._carts(tag, period, by.carts))
        if by.mails:
            parts.append(self._mails(tag, period, by.mails))
        if by.clicks:
            parts.append(self._clicks(tag, period, by.clicks))
        if by.consents:
            parts += [self._consents(tag, period, by.consents, status) for status in ("granted", "withdrawn")]
        parts.append(self._credits(tag, period))
        return parts

    def _shape(self, measure: str, tag: str, side: Side, *numbers: Any, group: Any = None) -> Select[Any]:
        padded = [*numbers, *[literal(0)] * (WIDTH - len(numbers))]
        key = side.key if group is None else group
        columns: list[Any] = [
            literal(measure, String).label("measure"),
            literal(tag, String).label("tag"),
            cast(key, String).label("key"),
            *(cast(number, BigInteger).label(f"n{index}") for index, number in enumerate(padded)),
        ]
        # By the value's place: spelt out once more, its parameters would be others to PostgreSQL.
        return select(*columns).group_by(literal_column("3"))

    def _mine(self, owner: Any) -> list[ColumnElement[bool]]:
        return [] if self._customers is None else [owner.in_(self._customers)]

    def _orders(self, period: Period) -> list[ColumnElement[bool]]:
        asked = self._asked
        return [
            Order.store_id == asked.store_id,
            *_within(Order.placed_at, period),
            Order.currency == asked.currency,
            *self._mine(Order.customer_id),
        ]

    def _sales(self, tag: str, period: Period) -> Select[Any]:
        stands = Order.cancelled_at.is_(None)
        made = self._shape(
            "sales",
            tag,
            self._by.orders,
            _where(stands),
            _where(stands, Order.total),
            _where(stands, Order.refunded),
            _where(~stands),
            func.count(distinct(case((stands, Order.customer_id)))),
        )
        return self._by.orders.apply(made.select_from(Order)).where(*self._orders(period))

    def _margin(self, tag: str, period: Period) -> Select[Any]:
        """Orders the cost of all whose goods is known: what was kept of their money, less tax, shipping and cost."""
        cost = (
            select(OrderItem.order_id, _sum(OrderItem.quantity * Product.cost).label("cost"))
            .join(Order, Order.id == OrderItem.order_id)
            .outerjoin(Product, Product.id == OrderItem.product_id)
            .where(*self._orders(period), Order.cancelled_at.is_(None))
            .group_by(OrderItem.order_id)
            .having(func.count() == func.count(Product.cost))
            .subquery()
        )
        kept = Order.total - Order.refunded - Order.tax - Order.shipping - cost.c.cost
        made = self._shape("margin", tag, self._by.orders, func.count(), _sum(kept), _sum(Order.total - Order.refunded))
        made = made.select_from(Order).join(cost, cost.c.order_id == Order.id)
        return self._by.orders.apply(made)

    def _buyers(self, period: Period) -> Any:
        columns: list[Any] = [cast(self._by.orders.key, String).label("key"), Order.customer_id.label("customer_id")]
        return (
            self._by.orders.apply(select(*columns).select_from(Order))
            .where(*self._orders(period), Order.cancelled_at.is_(None), Order.customer_id.is_not(None))
            .distinct()
            .subquery()
        )

    def _life(self, tag: str, period: Period) -> Select[Any]:
        """Of those who bought in the period: all that they have bought by its end."""
        buyers, past = self._buyers(period), aliased(Order)
        each = (
            select(buyers.c.key, func.count().label("orders"), _sum(past.total - past.refunded).label("net"))
            .join(past, past.customer_id == buyers.c.customer_id)
            .where(
                past.store_id == self._asked.store_id,
                past.placed_at < period.until,
                past.cancelled_at.is_(None),
                past.currency == self._asked.currency,
            )
            .group_by(buyers.c.key, buyers.c.customer_id)
            .subquery()
        )
        return self._shape(
            "life", tag, self._by.orders, func.count(), _where(each.c.orders > 1), _sum(each.c.net), group=each.c.key
        ).select_from(each)

    def seconds(self, tag: str, period: Period) -> Select[Any]:
        """When those who placed their second order in the period had placed their first."""
        buyers, past = self._buyers(period), aliased(Order)
        mine = select(buyers.c.customer_id).distinct().subquery()
        numbered = (
            select(
                past.id.label("id"),
                past.placed_at.label("second_at"),
                func.row_number().over(partition_by=past.customer_id, order_by=(past.placed_at, past.id)).label("n"),
                func.lag(past.placed_at, type_=UTCDateTime())
                .over(partition_by=past.customer_id, order_by=(past.placed_at, past.id))
                .label("first_at"),
            )
            .join(mine, mine.c.customer_id == past.customer_id)
            .where(
                past.store_id == self._asked.store_id,
                past.placed_at < period.until,
                past.cancelled_at.is_(None),
                past.currency == self._asked.currency,
            )
            .subquery()
        )
        made = select(
            literal(tag, String),
            cast(self._by.orders.key, String).label("key"),
            numbered.c.first_at,
            numbered.c.second_at,
        )
        made = made.select_from(Order).join(numbered, numbered.c.id == Order.id)
        return self._by.orders.apply(made).where(numbered.c.n == 2, numbered.c.second_at >= period.since)

    def _carts(self, tag: str, period: Period, side: Side) -> Select[Any]:
        made = self._shape(
            "carts", tag, side, func.count(), _sum(Cart.total), _where(Cart.ordered_at.is_not(None))
        ).select_from(Cart)
        return side.apply(made).where(
            Cart.store_id == self._asked.store_id,
            *_within(Cart.last_activity_at, period),
            Cart.item_count > 0,
            Cart.currency == self._asked.currency,
            *self._mine(Cart.customer_id),
        )

    def _sent(self, period: Period) -> list[ColumnElement[bool]]:
        return [
            Message.store_id == self._asked.store_id,
            *_within(Message.accepted_at, period),
            Message.accepted_at.is_not(None),
            Message.is_test.is_(False),
            *self._mine(Message.customer_id),
        ]

    def _mails(self, tag: str, period: Period, side: Side) -> Select[Any]:
        made = self._shape(
            "mails",
            tag,
            side,
            func.count(),
            func.count(distinct(Message.customer_id)),
            _where(Message.delivered_at.is_not(None)),
            _where(Message.opened_at.is_not(None)),
            _where(Message.clicked_at.is_not(None)),
        ).select_from(Message)
        return side.apply(made).where(*self._sent(period))

    def _clicks(self, tag: str, period: Period, side: Side) -> Select[Any]:
        made = self._shape(
            "clicks", tag, side, func.count(distinct(Message.id)), func.count(distinct(Message.customer_id))
        ).select_from(Message)
        return side.apply(made).where(*self._sent(period))

    def _consents(self, tag: str, period: Period, side: Side, status: str) -> Select[Any]:
        made = self._shape(status, tag, side, func.count(distinct(Consent.customer_id))).select_from(Consent)
        # A bound value would keep SQLite from using the partial index.
        condition: ColumnElement[bool] = literal_column(f"consents.status = '{status}'")
        return side.apply(made).where(
            condition,
            Consent.store_id == self._asked.store_id,
            Consent.topic == "marketing",
            *_within(Consent.at, period),
            *self._mine(Consent.customer_id),
        )

    def _credits(self, tag: str, period: Period) -> Select[Any]:
        """Orders of the period that count for a mail."""
        credit, side = aliased(Conversion), self._by.orders
        made = self._shape(
            "credits",
            tag,
            side,
            func.count(),
            _sum(Order.total - Order.refunded),
            func.count(distinct(Order.customer_id)),
        ).select_from(Order)
        return side.apply(made.join(credit, credit.order_id == Order.id)).where(
            *self._orders(period), Order.cancelled_at.is_(None)
        )
