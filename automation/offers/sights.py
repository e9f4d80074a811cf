"""What the guard needs to know of a batch of customers: three statements, and two more where margins count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from automation.models import CampaignVersion, Cart, CartItem, Enrolment, OfferCode, Product
from automation.offers.guard import Basket, Seen
from automation.offers.terms import Guard

ABOUT_CARTS = frozenset({"cart_abandoned"})
"""Kinds of triggers whose subject is a cart."""
YEAR = timedelta(days=365)


class Wanted(Protocol):
    """A claim, as far as the guard looks at it."""

    @property
    def holder(self) -> str: ...
    @property
    def customer_id(self) -> int | None: ...
    @property
    def enrolment_id(self) -> int | None: ...


def load(session: Session, guard: Guard, claims: Sequence[Wanted], now: datetime) -> Mapping[str, Seen]:
    """What is known of each claim's customer and run, by holder."""
    customers = {c.customer_id for c in claims if c.customer_id is not None}
    recent = _recent(session, customers, now - guard.period) if guard.most else {}
    kinds: dict[int, str] = {}
    carts: dict[int, int] = {}
    if guard.serial_after or guard.least_margin:
        carts = _carts_of(session, {c.enrolment_id for c in claims if c.enrolment_id is not None}, kinds)
    bought = _bought_back(session, customers, kinds, now) if guard.serial_after and carts else Counter[int]()
    baskets = _baskets(session, set(carts.values())) if guard.least_margin and carts else {}
    return {
        c.holder: Seen(
            recent=recent.get(c.customer_id or 0, 0),
            bought_back=bought[c.customer_id or 0],
            is_about_cart=c.enrolment_id in carts,
            basket=baskets.get(carts.get(c.enrolment_id or 0, 0)),
        )
        for c in claims
    }


def more(seen: Seen, count: int) -> Seen:
    """The same, with codes that were given within the batch."""
    return replace(seen, recent=seen.recent + count) if count else seen


def _recent(session: Session, customers: set[int], since: datetime) -> Mapping[int, int]:
    """Codes that campaigns gave; those that were paid for do not count."""
    rows = session.execute(
        select(OfferCode.customer_id, func.count())
        .where(OfferCode.customer_id.in_(customers), OfferCode.issued_at > since, OfferCode.enrolment_id.is_not(None))
        .group_by(OfferCode.customer_id)
    )
    return {int(customer): count for customer, count in rows if customer is not None}


def _is_about_cart(definition: Mapping[str, Any]) -> bool:
    return definition.get("trigger", {}).get("kind") in ABOUT_CARTS


def _kinds_of(session: Session, versions: set[int], kinds: dict[int, str]) -> None:
    missing = versions - kinds.keys()
    if missing:
        rows = session.execute(
            select(CampaignVersion.id, CampaignVersion.definition).where(CampaignVersion.id.in_(missing))
        )
        kinds |= {row.id: "cart" if _is_about_cart(row.definition) else "" for row in rows}


def _carts_of(session: Session, enrolments: set[int], kinds: dict[int, str]) -> dict[int, int]:
    """{enrolment: cart}, of those that are about one."""
    rows = session.execute(
        select(Enrolment.id, Enrolment.version_id, Enrolment.subject_id).where(Enrolment.id.in_(enrolments))
    ).all()
    _kinds_of(session, {row.version_id for row in rows}, kinds)
    return {row.id: row.subject_id for row in rows if row.subject_id and kinds.get(row.version_id)}


def _bought_back(session: Session, customers: set[int], kinds: dict[int, str], now: datetime) -> Counter[int]:
    rows = session.execute(
        select(OfferCode.customer_id, Enrolment.version_id)
        .join(Enrolment, Enrolment.id == OfferCode.enrolment_id)
        .where(OfferCode.customer_id.in_(customers), OfferCode.state == "redeemed", OfferCode.redeemed_at > now - YEAR)
    ).all()
    _kinds_of(session, {row.version_id for row in rows}, kinds)
    return Counter(int(row.customer_id) for row in rows if row.customer_id and kinds.get(row.version_id))


def _baskets(session: Session, carts: set[int]) -> dict[int, Basket]:
    unknown = func.sum(case((Product.cost.is_(None), 1), else_=0))
    rows = session.execute(
        select(
            CartItem.cart_id,
            Cart.currency,
            func.sum(CartItem.quantity * CartItem.price).label("revenue"),
            func.sum(CartItem.quantity * func.coalesce(Product.cost, 0)).label("cost"),
            unknown.label("unknown"),
        )
        .join(Cart, Cart.id == CartItem.cart_id)
        .outerjoin(Product, Product.id == CartItem.product_id)
        .where(CartItem.cart_id.in_(carts))
        .group_by(CartItem.cart_id, Cart.currency)
    )
    return {row.cart_id: Basket(int(row.revenue), None if row.unknown else int(row.cost), row.currency) for row in rows}
