"""What to show to whom: for a whole batch in six statements, however many are asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, select, union_all
from sqlalchemy.orm import Session

from automation import bulk
from automation.insights.recommendations.heat import weight
from automation.models import Order, OrderItem, Product, ProductDemand
from automation.rendering.wares import COLUMNS, is_presentable, new_arrivals
from automation.rhythms import counted

Reason = Literal["for_you", "together", "category", "trending", "new"]

TRENDING_FOR = timedelta(days=90)
REMEMBERED = 50
"""So many of a customer's latest products say what suits them."""
_FADES = timedelta(days=60)
_POOL = 400
"""The hottest products of a store, of which trending and categories are made."""
CONSUMABLE = "consumable"
"""The tag of products that may be shown to those who have them."""
_ROWS = (*COLUMNS, Product.category, Product.tags)


@dataclass(frozen=True, slots=True)
class Ask:
    """Whom to choose for, and what it is about."""

    store_id: int
    customer_id: int | None = None
    about: tuple[int, ...] = ()
    """Products of the order, cart or page it is about: what goes with them is wanted, they themselves are not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A product, and why it was chosen."""

    row: Any
    """With the columns of `wares.COLUMNS`."""
    reason: Reason


@dataclass(slots=True)
class Chosen:
    """What was chosen for one ask, each list best first and without what may not be shown."""

    for_you: list[Any] = field(default_factory=list)
    together: list[Any] = field(default_factory=list)
    category: list[Any] = field(default_factory=list)
    trending: list[Any] = field(default_factory=list)
    new: list[Any] = field(default_factory=list)

    def picks(self, count: int) -> list[Choice]:
        """The best of all, one list after the other, none twice."""
        lists: tuple[tuple[Reason, list[Any]], ...] = (
            ("together", self.together[: count // 2 + count % 2]),
            ("for_you", self.for_you),
            ("together", self.together),
            ("category", self.category),
            ("trending", self.trending),
            ("new", self.new),
        )
        found: dict[int, Choice] = {}
        for reason, rows in lists:
            for row in rows:
                if len(found) < count:
                    found.setdefault(row.id, Choice(row, reason))
        return list(found.values())


def choose(session: Session, asks: Sequence[Ask], now: datetime) -> list[Chosen]:
    """What to show for each ask, in their order."""
    stores = sorted({ask.store_id for ask in asks})
    if not stores:
        return []
    bought = _bought(session, {ask.customer_id for ask in asks if ask.customer_id}, now)
    latest = {c: sorted(has, key=lambda p: (has[p], p), reverse=True)[:REMEMBERED] for c, has in bought.items()}
    seeds = {p for products in latest.values() for p in products} | {p for ask in asks for p in ask.about}
    partners = _partners(session, seeds)
    hot = _hottest(session, stores, now)
    news = new_arrivals(session, stores, 24)
    wanted = {other for found in partners.values() for other, _, _ in found}
    rows, heat = _rows(session, wanted, now)
    categories = _categories(session, seeds)
    chooser = _Chooser(now, bought, latest, partners, rows, heat, hot, news, categories)
    return [chooser.choose(ask) for ask in asks]


def _bought(session: Session, customers: Collection[int], now: datetime) -> dict[int, dict[int, datetime]]:
    """What each customer bought, and when last."""
    found: dict[int, dict[int, datetime]] = defaultdict(dict)
    if not customers:
        return found
    given = bulk.table(session, [Order.customer_id], [{"customer_id": i} for i in sorted(customers)])
    lines = (
        select(Order.customer_id, OrderItem.product_id, Order.placed_at)
        .join_from(given, Order, Order.customer_id == given.c.customer_id)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(counted(), Order.placed_at <= now, OrderItem.product_id.is_not(None), OrderItem.quantity > 0)
    )
    rows: Iterable[Any] = session.execute(lines)  # none of them is empty: the join and the condition say so
    for customer, product, at in rows:
        has = found[customer]
        has[product] = max(at, has.get(product, at))
    return found


def _partners(session: Session, products: Iterable[int]) -> dict[int, list[list[Any]]]:
    given = bulk.table(session, [ProductDemand.product_id], [{"product_id": p} for p in sorted(products)])
    found = select(ProductDemand.product_id, ProductDemand.partners).join_from(
        given, ProductDemand, ProductDemand.product_id == given.c.product_id
    )
    return {row.product_id: row.partners for row in session.execute(found)}


def _categories(session: Session, products: Iterable[int]) -> dict[int, str]:
    given = bulk.table(session, [Product.id], [{"id": p} for p in sorted(products)])
    found = select(Product.id, Product.category).join_from(given, Product, Product.id == given.c.id)
    return {row.id: row.category for row in session.execute(found) if row.category}


def _may_be_shown() -> Any:
    return and_(is_presentable(), Product.price > 0)


def _hottest(session: Session, stores: Sequence[int], now: datetime) -> dict[int, list[Any]]:
    """The hottest products of each store that may be shown."""
    each = [
        select(ProductDemand.product_id, ProductDemand.heat)
        .where(ProductDemand.store_id == store_id, ProductDemand.last_at > now - TRENDING_FOR)
        .order_by(ProductDemand.heat.desc())
        .limit(_POOL)
        .subquery()
        for store_id in stores
    ]
    pool = union_all(*(select(one) for one in each)).subquery()
    found: dict[int, list[Any]] = defaultdict(list)
    rows = (
        select(*_ROWS)
        .join_from(pool, Product, Product.id == pool.c.product_id)
        .where(_may_be_shown())
        .order_by(pool.c.heat.desc(), Product.id)
    )
    for row in session.execute(rows):
        found[row.store_id].append(row)
    return found


def _rows(session: Session, products: Iterable[int], now: datetime) -> tuple[dict[int, Any], dict[int, float]]:
    """The products that may be shown, and how hot each is: 1 for one order at this moment."""
    given = bulk.table(session, [Product.id], [{"id": p} for p in sorted(products)])
    found = (
        select(*_ROWS, ProductDemand.heat)
        .join_from(given, Product, Product.id == given.c.id)
        .join(ProductDemand, ProductDemand.product_id == Product.id)
        .where(_may_be_shown())
    )
    rows = {row.id: row for row in session.execute(found)}
    unit = weight(now)
    return rows, {i: row.heat / unit for i, row in rows.items()}


@dataclass(frozen=True, slots=True)
class _Chooser:
    """All that was read for a batch."""

    now: datetime
    bought: Mapping[int, Mapping[int, datetime]]
    latest: Mapping[int, Sequence[int]]
    partners: Mapping[int, Sequence[Sequence[Any]]]
    rows: Mapping[int, Any]
    heat: Mapping[int, float]
    hot: Mapping[int, Sequence[Any]]
    news: Mapping[int, Sequence[Any]]
    categories: Mapping[int, str]

    def choose(self, ask: Ask) -> Chosen:
        has: Mapping[int, datetime] = self.bought.get(ask.customer_id or 0, {})
        latest = self.latest.get(ask.customer_id or 0, ())

        def shown(rows: Iterable[Any]) -> list[Any]:
            return [
                row
                for row in rows
                if row.store_id == ask.store_id
                and row.id not in ask.about
                and (row.id not in has or _is_consumable(row))
            ]

        about = ask.about or latest[:3]
        mine = {self.categories[p] for p in about if p in self.categories}
        return Chosen(
            for_you=shown(self._scored({p: 0.5 ** ((self.now - has[p]) / _FADES) for p in latest}, is_warm=True)),
            together=shown(self._scored(dict.fromkeys(ask.about, 1.0), is_warm=False)),
            category=shown(row for row in self.hot.get(ask.store_id, ()) if row.category in mine) if mine else [],
            trending=shown(self.hot.get(ask.store_id, ())),
            new=[row for row in self.news.get(ask.store_id, ()) if row.price > 0 and row.id not in {*has, *ask.about}],
        )

    def _scored(self, seeds: Mapping[int, float], *, is_warm: bool) -> list[Any]:
        score: Counter[int] = Counter()
        for product, factor in seeds.items():
            for other, _, cosine in self.partners.get(product, ()):
                if other in self.rows:
                    score[other] += cosine * factor
        if is_warm:
            for other in score:
                score[other] *= (self.heat[other] + 0.1) ** 0.5
        return [self.rows[p] for p in sorted(score, key=lambda p: (-score[p], p))]


def _is_consumable(row: Any) -> bool:
    return any(str(tag).casefold() == CONSUMABLE for tag in row.tags or ())
