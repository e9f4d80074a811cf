"""The loyalty programme as its pages show it. A constant number of statements, however many members there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from automation.loyalty.programme import Programme
from automation.loyalty.referrals import SIGNALS
from automation.models import Customer, LoyaltyAccount, Offer, PointsEntry, Redemption, Referral, Reward
from webapp.queries.customers import fitting

SPAN = timedelta(days=30)
"""What the figures of giving and spending are of."""
PAGE = 50
LINES = 100


@dataclass(frozen=True, slots=True)
class Overview:
    """How the programme is doing."""

    members: int
    outstanding: int
    """Points that customers could spend, as far as the balances go."""
    given: int
    spent: int
    expired: int
    tiers: Sequence[tuple[str, int, str]]
    """(tier, members, perks), the highest first; members without a tier last."""
    to_judge: int
    """Referrals that wait for a person's word."""
    to_do: Sequence[Any]
    """Rewards without a code that the store has yet to see to: id, at, name, note, email, public_id."""


def overview(session: Session, store_id: int, rules: Programme, now: datetime) -> Overview:
    """All of it, in five statements."""
    ranks: dict[int, tuple[int, int]] = {
        rank: (int(count), int(points or 0))
        for rank, count, points in session.execute(
            select(
                LoyaltyAccount.rank,
                func.count(),
                func.sum(case((LoyaltyAccount.balance > 0, LoyaltyAccount.balance), else_=0)),
            )
            .where(LoyaltyAccount.store_id == store_id)
            .group_by(LoyaltyAccount.rank)
        )
    }
    moved: dict[str, int] = {
        kind: int(points)
        for kind, points in session.execute(
            select(PointsEntry.kind, func.sum(PointsEntry.points))
            .where(PointsEntry.store_id == store_id, PointsEntry.at > now - SPAN)
            .group_by(PointsEntry.kind)
        )
    }
    named = [(tier.name, ranks.get(number, (0, 0))[0], tier.perks) for number, tier in enumerate(rules.tiers, 1)]
    none = sum(count for rank, (count, _) in ranks.items() if rules.tier_at(rank) is None)
    suspected = select(func.count(Referral.id)).where(Referral.store_id == store_id, Referral.state == "suspected")
    return Overview(
        members=sum(count for count, _ in ranks.values()),
        outstanding=sum(points for _, points in ranks.values()),
        given=moved.get("earn", 0) + max(0, moved.get("adjust", 0)),
        spent=-moved.get("spend", 0),
        expired=-moved.get("expire", 0),
        tiers=[*reversed(named), *([("Without a tier", none, "")] if none or not named else [])],
        to_judge=session.scalar(suspected) or 0,
        to_do=_to_do(session, store_id),
    )


def _to_do(session: Session, store_id: int) -> Sequence[Any]:
    return session.execute(
        select(Redemption.id, Redemption.at, Reward.name, Reward.note, Customer.email, Customer.public_id)
        .join(Reward, Reward.id == Redemption.reward_id)
        .join(Customer, Customer.id == Redemption.customer_id)
        .where(Redemption.store_id == store_id, Redemption.done_at.is_(None))
        .order_by(Redemption.at)
        .limit(PAGE)
    ).all()


def rewards(session: Session, store_id: int) -> Sequence[tuple[Reward, str, int]]:
    """(reward, its offer's label, how often it was taken), those that can be taken first, then by price."""
    taken = (
        select(Redemption.reward_id, func.count().label("count"))
        .where(Redemption.store_id == store_id)
        .group_by(Redemption.reward_id)
        .subquery()
    )
    found = session.execute(
        select(Reward, Offer.label, taken.c.count)
        .outerjoin(Offer, Offer.id == Reward.offer_id)
        .outerjoin(taken, taken.c.reward_id == Reward.id)
        .where(Reward.store_id == store_id)
        .order_by(Reward.is_active.desc(), Reward.points, Reward.id)
    )
    return [(reward, label or "", int(count or 0)) for reward, label, count in found]


def members(session: Session, store_id: int, search: str, after: str) -> tuple[Sequence[Any], str]:
    """A page of members, the highest balance first, and what begins the next one; empty on the last.

    `search` finds the beginning of an address or of a name; `after` is what the page before answered.
    """
    balance, number = LoyaltyAccount.balance, LoyaltyAccount.customer_id
    found = session.execute(
        select(
            Customer.public_id,
            Customer.first_name,
            Customer.last_name,
            Customer.email,
            LoyaltyAccount.tier,
            balance,
            number.label("number"),
        )
        .join(Customer, Customer.id == number)
        .where(LoyaltyAccount.store_id == store_id, Customer.erased_at.is_(None), _below(balance, number, after))
        .where(*fitting(session, store_id, search))
        .order_by(balance.desc(), number.desc())
        .limit(PAGE + 1)
    ).all()
    shown = found[:PAGE]
    return shown, f"{shown[-1].balance}.{shown[-1].number}" if len(found) > PAGE else ""


def _below(balance: Any, number: Any, after: str) -> Any:
    first, _, last = after.partition(".")
    try:
        at, customer = int(first), int(last)
    except ValueError:
        return true()
    if abs(at) > 2**53 or abs(customer) > 2**53:
        return true()
    return or_(balance < at, and_(balance == at, number < customer))


def history(session: Session, customer_id: int) -> Sequence[PointsEntry]:
    """The newest lines of a customer's ledger."""
    wanted = select(PointsEntry).where(PointsEntry.customer_id == customer_id)
    return session.scalars(wanted.order_by(PointsEntry.at.desc(), PointsEntry.id.desc()).limit(LINES)).all()


@dataclass(frozen=True, slots=True)
class Brought:
    """A referral as its page shows it."""

    id: int
    state: str
    friend: str
    friend_id: str
    """The friend's public id; empty while they are no customer."""
    referrer: str
    referrer_id: str
    why: Sequence[str]
    """What speaks against it, in words."""
    has_order: bool
    created_at: datetime
    due_at: datetime | None
    decided_at: datetime | None


def referrals(session: Session, store_id: int, state: str, after: str) -> tuple[list[Brought], str]:
    """A page of referrals of one state or of all, those that wait for a word first, then the newest.

    `after` is what the page before answered: what begins the next one, empty on the last.
    """
    waits = case((Referral.state == "suspected", 1), else_=0)
    brings, friend = aliased(Customer), aliased(Customer)
    found = session.execute(
        select(Referral, brings.email, brings.public_id, friend.public_id, waits.label("waits"))
        .join(brings, brings.id == Referral.referrer_id)
        .outerjoin(friend, friend.id == Referral.friend_id)
        .where(Referral.store_id == store_id, Referral.state == state if state else true())
        .where(_below(waits, Referral.id, after))
        .order_by(waits.desc(), Referral.id.desc())
        .limit(PAGE + 1)
    ).all()
    shown = found[:PAGE]
    last = shown[-1] if len(found) > PAGE else None
    brought = [
        Brought(
            row.id,
            row.state,
            row.friend_key if "@" in row.friend_key else "Erased",
            friend_id or "",
            email or "A customer without an address",
            public_id,
            [SIGNALS.get(signal, signal) for signal in row.signals],
            row.order_id is not None,
            row.created_at,
            row.due_at,
            row.decided_at,
        )
        for row, email, public_id, friend_id, _ in shown
    ]
    return brought, f"{last.waits}.{last.Referral.id}" if last else ""
