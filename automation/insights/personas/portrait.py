"""Who the members of a segment are, computed from what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from automation import segments
from automation.models import (
    Campaign,
    ConsentState,
    Customer,
    CustomerRhythm,
    CustomerScore,
    Message,
    Order,
    OrderItem,
    Product,
    Segment,
    Store,
)
from automation.rules import language
from automation.rules.dialects import at_path, json_text

TOP = 5
"""Of a list."""
RECENT = 5_000
"""Orders whose days and hours are looked at, the newest of them."""
LEAST_MAILS = 20
"""Mails of a campaign below which the share that answers says nothing."""


class Share(BaseModel):
    """A line of a list: what, how many, and the share of all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    count: int
    share: float


class Portrait(BaseModel):
    """The portrait. Amounts are in minor units of the store's currency; None is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int
    of_all: float
    """The share of the store's customers."""
    buyers: int
    may_be_mailed: float
    """The share that agreed to marketing."""
    countries: list[Share]
    languages: list[Share]
    channels: list[Share]
    devices: list[Share]
    weekdays: list[int]
    """Orders on each, Monday first."""
    hours: list[int]
    """Orders in each hour of the store's day."""
    categories: list[Share]
    products: list[Share]
    orders: float | None
    """Of a buyer."""
    order_average: int | None
    spent: int
    """By all of them."""
    rhythm_days: int | None
    """The mean of their own rhythms."""
    lifetime_value: int | None
    """The mean of what is expected."""
    alive: float | None
    groups: list[Share]
    mails: list[Share]
    """Campaigns by the share of mails that were clicked; `count` is how many they got."""


def portray(session: Session, store: Store, segment: Segment, now: datetime) -> Portrait:
    """The portrait of a segment, in fourteen statements however many its members are."""
    members = segments.members(session, store.id, language.read(segment.rule), now)
    count = session.scalar(members.with_only_columns(func.count())) or 0
    everybody = session.scalar(select(func.count()).where(Customer.store_id == store.id, Customer.erased_at.is_(None)))
    agreed = session.scalar(
        select(func.count()).where(
            ConsentState.store_id == store.id,
            ConsentState.topic == "marketing",
            ConsentState.status == "granted",
            ConsentState.customer_id.in_(members),
        )
    )
    weekdays, hours = _when(session, store, members)
    return Portrait(
        members=count,
        of_all=count / everybody if everybody else 0.0,
        may_be_mailed=(agreed or 0) / count if count else 0.0,
        countries=_by(session, members, Customer.country, count),
        languages=_by(session, members, Customer.locale, count),
        channels=_by(session, members, json_text(*at_path(Customer.source, ("channel",))), count),
        devices=_by(session, members, json_text(*at_path(Customer.source, ("device",))), count),
        weekdays=weekdays,
        hours=hours,
        categories=_bought(session, store, members, is_category=True),
        products=_bought(session, store, members, is_category=False),
        groups=_groups(session, members),
        mails=_mails(session, store, members),
        **_how_much(session, members),
    )


def _shares(rows: Sequence[Any], total: int) -> list[Share]:
    return [Share(name=str(name), count=count, share=count / total if total else 0.0) for name, count in rows if name]


def _by(session: Session, members: Select[int], column: Any, total: int) -> list[Share]:
    # PostgreSQL would take an expression with parameters for another one in its GROUP BY.
    named = members.with_only_columns(column.label("name")).subquery()
    counted = func.count()
    query = select(named.c.name, counted).where(named.c.name.is_not(None), named.c.name != "").group_by(named.c.name)
    return _shares(session.execute(query.order_by(counted.desc(), named.c.name).limit(TOP)).all(), total)


def _when(session: Session, store: Store, members: Select[int]) -> tuple[list[int], list[int]]:
    """Orders by weekday and by hour, in the store's zone."""
    zone = ZoneInfo(store.timezone)
    weekdays, hours = [0] * 7, [0] * 24
    recent = (
        select(Order.placed_at)
        .where(Order.store_id == store.id, Order.customer_id.in_(members), Order.cancelled_at.is_(None))
        .order_by(Order.placed_at.desc())
        .limit(RECENT)
    )
    for at in session.scalars(recent):
        local = at.astimezone(zone)
        weekdays[local.weekday()] += 1
        hours[local.hour] += 1
    return weekdays, hours


def _bought(session: Session, store: Store, members: Select[int], *, is_category: bool) -> list[Share]:
    """What stands in most of their orders; the share is of all their orders."""
    name = Product.category if is_category else func.coalesce(Product.title, OrderItem.title)
    held = func.count(Order.id.distinct())
    mine = (Order.store_id == store.id, Order.customer_id.in_(members), Order.cancelled_at.is_(None))
    total = session.scalar(select(func.count()).select_from(Order).where(*mine)) or 0
    rows = session.execute(
        select(name.label("name"), held)
        .join_from(Order, OrderItem, OrderItem.order_id == Order.id)
        .outerjoin(Product, Product.id == OrderItem.product_id)
        .where(*mine, OrderItem.quantity > 0)
        .group_by(name)
        .order_by(held.desc(), name)
        .limit(TOP + 1)
    ).all()
    return _shares([row for row in rows if row[0]][:TOP], total)


def _how_much(session: Session, members: Select[int]) -> dict[str, Any]:
    mine = CustomerRhythm.customer_id.in_(members)
    buyers, orders, spent, rhythm = session.execute(
        select(
            func.count(),
            func.sum(CustomerRhythm.order_count),
            func.sum(CustomerRhythm.spent),
            func.avg(CustomerRhythm.median_days),
        ).where(mine, CustomerRhythm.order_count > 0)
    ).one()
    value, alive = session.execute(
        select(func.avg(CustomerScore.lifetime_value), func.avg(CustomerScore.alive)).where(
            CustomerScore.customer_id.in_(members)
        )
    ).one()
    return {
        "buyers": buyers,
        "orders": float(orders) / buyers if buyers else None,
        "order_average": round(float(spent) / float(orders)) if orders else None,
        "spent": int(spent or 0),
        "rhythm_days": round(float(rhythm)) if rhythm is not None else None,
        "lifetime_value": round(float(value)) if value is not None else None,
        "alive": float(alive) if alive is not None else None,
    }


def _groups(session: Session, members: Select[int]) -> list[Share]:
    counted: Counter[str] = Counter()
    rows = session.execute(
        select(CustomerScore.rfm_group, func.count())
        .where(CustomerScore.customer_id.in_(members), CustomerScore.rfm_group.is_not(None))
        .group_by(CustomerScore.rfm_group)
    )
    for group, count in rows:
        counted[group or ""] = count
    return _shares(counted.most_common(TOP), counted.total())


def _mails(session: Session, store: Store, members: Select[int]) -> list[Share]:
    """The campaigns whose mails they click most."""
    sent = func.count()
    clicked = func.sum(case((Message.clicked_at.is_not(None), 1), else_=0))
    rows = session.execute(
        select(Campaign.name, sent.label("sent"), clicked.label("clicked"))
        .join(Message, Message.campaign_id == Campaign.id)
        .where(
            Message.store_id == store.id,
            Message.customer_id.in_(members),
            Message.accepted_at.is_not(None),
            Message.is_test.is_(False),
        )
        .group_by(Campaign.id, Campaign.name)
        .having(sent >= LEAST_MAILS)
    ).all()
    shares = [Share(name=row.name, count=row.sent, share=int(row.clicked) / row.sent) for row in rows]
    return sorted(shares, key=lambda one: (-one.share, one.name))[:TOP]
