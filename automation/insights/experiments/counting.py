"""Who was drawn into which group, and what became of everybody in it; two or three statements a comparison.

Every customer counts once, from the first time they were drawn on, with all orders that they placed within the window
from then on: whether a mail reached them, and whether they clicked in it, does not matter. Nothing else compares like
with like. Orders still to come within the window are missing in all groups alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Subquery, and_, case, cast, exists, func, select
from sqlalchemy.orm import Session

from automation.dice import drawn_below
from automation.holdouts import HELD_BY_CAMPAIGN, HELD_BY_STORE, store_lot
from automation.insights.experiments.groups import Group, group
from automation.models import ArmPick, Enrolment, Message, Order
from automation.upsert import table_of

MAILED, HELD = "mailed", "held"

_entries, _picks, _messages, _orders = (table_of(m) for m in (Enrolment, ArmPick, Message, Order))


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts as an outcome."""

    currency: str
    """Orders in another one are left out."""
    window: timedelta
    """From the moment at which the customer was drawn."""
    now: datetime


def of_campaign(
    session: Session,
    campaign_id: int,
    since: datetime,
    until: datetime | None,
    counted: Counted,
    *,
    store_id: int,
    store_share: float,
) -> list[Group]:
    """[mailed, held] of the customers who entered a campaign first within [since, until), by its own holdout.

    Who is held out of all of the store's mails (a share of 0 to 1) is in neither group.
    """
    where = [
        _entries.c.campaign_id == campaign_id,
        _entries.c.entered_at >= since,
        _entries.c.exit_reason != HELD_BY_STORE,
    ]
    if until is not None:
        where.append(_entries.c.entered_at < until)
    if store_share > 0:
        where.append(~drawn_below(store_lot(store_id), _entries.c.customer_id, store_share))
    arm = func.max(case((_entries.c.exit_reason == HELD_BY_CAMPAIGN, 1), else_=0))
    return _two(session, _drawn(arm, where), counted)


def of_store(
    session: Session,
    store_id: int,
    campaign_ids: Sequence[int],
    share: float,
    since: datetime,
    until: datetime | None,
    counted: Counted,
) -> list[Group]:
    """[mailed, held] of the customers who first entered any of these campaigns within [since, until).

    The store's holdout is a share of 0 to 1.
    """
    where = [_entries.c.campaign_id.in_(campaign_ids), _entries.c.entered_at >= since]
    if until is not None:
        where.append(_entries.c.entered_at < until)
    arm = func.max(case((drawn_below(store_lot(store_id), _entries.c.customer_id, share), 1), else_=0))
    return _two(session, _drawn(arm, where), counted)


def of_step(
    session: Session,
    campaign_id: int,
    step_id: str,
    arms: Sequence[str],
    since: datetime,
    until: datetime | None,
    counted: Counted,
) -> list[Group]:
    """The groups of a step that draws, in the order of `arms`, of those who first came to it within [since, until)."""
    where = [_picks.c.campaign_id == campaign_id, _picks.c.step_id == step_id, _picks.c.picked_at >= since]
    if until is not None:
        where.append(_picks.c.picked_at < until)
    has_clicked = exists(
        select(1)
        .where(
            _messages.c.enrolment_id == _picks.c.enrolment_id,
            _messages.c.created_at >= _picks.c.picked_at,
            _messages.c.clicked_at.is_not(None),
        )
        .correlate(_picks)
    )
    drawn = (
        select(
            _entries.c.customer_id,
            func.min(_picks.c.picked_at).label("at"),
            func.min(_picks.c.arm).label("arm"),
            func.max(cast(has_clicked, Integer)).label("clicked"),
        )
        .join_from(_picks, _entries, _entries.c.id == _picks.c.enrolment_id)
        .where(*where)
        .group_by(_entries.c.customer_id)
        .subquery()
    )
    people: dict[str, tuple[int, int]] = {
        arm: (count, clicked)
        for arm, count, clicked in session.execute(
            select(drawn.c.arm, func.count(), func.sum(drawn.c.clicked)).group_by(drawn.c.arm)
        )
    }
    spent = _spent(session, drawn, counted)
    return [group(arm, *people.get(arm, (0, 0)), spent.get(arm, {}).values()) for arm in arms]


def _drawn(arm: ColumnElement[Any], where: Sequence[ColumnElement[bool]]) -> Subquery:
    return (
        select(_entries.c.customer_id, func.min(_entries.c.entered_at).label("at"), arm.label("arm"))
        .where(*where)
        .group_by(_entries.c.customer_id)
        .subquery()
    )


def _two(session: Session, drawn: Subquery, counted: Counted) -> list[Group]:
    counts = session.execute(select(drawn.c.arm, func.count()).group_by(drawn.c.arm))
    people = Counter[int]({row[0]: row[1] for row in counts})
    spent = _spent(session, drawn, counted)
    return [group(name, people[arm], 0, spent.get(arm, {}).values()) for name, arm in ((MAILED, 0), (HELD, 1))]


def _spent(session: Session, drawn: Subquery, counted: Counted) -> dict[Any, dict[int, int]]:
    """What each customer of each arm spent within the window, where it is more than nothing; one statement.

    The window is looked at here: dates are not computed with in SQL. The rows are orders, not people.
    """
    found: dict[Any, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for arm, customer_id, at, placed_at, paid in session.execute(_orders_of(drawn, counted)):
        if placed_at < at + counted.window:
            found[arm][customer_id] += paid
    return {arm: {who: paid for who, paid in sums.items() if paid > 0} for arm, sums in found.items()}


def _orders_of(drawn: Subquery, counted: Counted) -> Select[Any]:
    return (
        select(
            drawn.c.arm,
            drawn.c.customer_id,
            drawn.c.at,
            _orders.c.placed_at,
            _orders.c.total - _orders.c.refunded,
        )
        .join_from(
            drawn,
            _orders,
            and_(_orders.c.customer_id == drawn.c.customer_id, _orders.c.placed_at >= drawn.c.at),
        )
        .where(
            _orders.c.cancelled_at.is_(None),
            _orders.c.currency == counted.currency,
            _orders.c.placed_at <= counted.now,
        )
    )
