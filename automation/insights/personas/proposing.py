"""Proposes personas: groups among the store's buyers, each with a rule and with what it is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.insights.personas.grouping import ENOUGH, Buyer, Grouping, groups_of
from automation.insights.personas.wording import Worded, worded
from automation.models import CustomerRhythm

DAY = timedelta(days=1)
SAMPLE = 600
"""Buyers that are grouped, evenly by their ids: the time is that of a click."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One group."""

    words: str
    """What it might be called."""
    share: float
    """Of the buyers."""
    orders: float
    """The median, as the next three."""
    days_since: float
    days_known: float
    average: int
    """Of an order, in minor units."""
    worded: Worded


@dataclass(frozen=True, slots=True)
class Proposals:
    """The groups, and how they were found."""

    buyers: int
    sampled: int
    grouping: Grouping | None
    """None where there are too few buyers (`ENOUGH`), or all are alike."""
    groups: tuple[Proposal, ...] = ()
    needed: int = ENOUGH


def sample(session: Session, store_id: int, now: datetime) -> tuple[int, list[Buyer]]:
    """How many buyers there are, and those that are grouped; two statements."""
    mine = (CustomerRhythm.store_id == store_id, CustomerRhythm.order_count > 0, CustomerRhythm.spent > 0)
    count = session.scalar(select(func.count()).select_from(CustomerRhythm).where(*mine)) or 0
    step = max(1, count // SAMPLE)
    query = select(
        CustomerRhythm.last_order_at,
        CustomerRhythm.first_order_at,
        CustomerRhythm.order_count,
        CustomerRhythm.spent,
    ).where(*mine)
    if step > 1:
        query = query.where(CustomerRhythm.customer_id % step == 0)
    rows: Sequence[Any] = session.execute(query.order_by(CustomerRhythm.customer_id).limit(SAMPLE)).all()
    return count, [
        Buyer((now - r.last_order_at) / DAY, (now - r.first_order_at) / DAY, r.order_count, r.spent / r.order_count)
        for r in rows
    ]


def propose(count: int, buyers: Sequence[Buyer]) -> Proposals:
    """The groups among a sample of `count` buyers; a second or two of thinking, and no transaction."""
    grouping = groups_of(buyers)
    if grouping is None:
        return Proposals(count, len(buyers), None)
    usual = _middle(buyers)
    found = []
    for label in range(max(grouping.labels) + 1):
        places = [place for place, of in enumerate(grouping.labels) if of == label]
        middle = _middle([buyers[place] for place in places])
        found.append(
            Proposal(
                words=_words(middle, usual),
                share=len(places) / len(buyers),
                orders=middle.orders,
                days_since=middle.days_since,
                days_known=middle.days_known,
                average=round(middle.average),
                worded=worded(buyers, places),
            )
        )
    return Proposals(count, len(buyers), grouping, tuple(found))


def _middle(buyers: Sequence[Buyer]) -> Buyer:
    return Buyer(
        median(b.days_since for b in buyers),
        median(b.days_known for b in buyers),
        round(median(b.orders for b in buyers)),
        median(b.average for b in buyers),
    )


def _words(one: Buyer, usual: Buyer) -> str:
    """What sets the group apart, in a few words."""
    often = "Buy once" if one.orders <= 1 else "Buy often" if one.orders > 1.5 * usual.orders else "Buy again"
    much = (
        ", spend much"
        if one.average > 1.4 * usual.average
        else ", spend little"
        if one.average < 0.6 * usual.average
        else ""
    )
    when = ", new" if one.days_known < 60 else ", gone quiet" if one.days_since > 1.5 * usual.days_since else ""
    return f"{often}{much}{when}"
