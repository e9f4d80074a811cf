"""What a person may do with the loyalty programme, its rewards, points and referrals."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.loyalty import ledger, referrals
from automation.loyalty.ledger import Line
from automation.loyalty.programme import Programme, of, programmes
from automation.models import Customer, Offer, Redemption, Referral, Reward, Store
from automation.security import random_id


def save_programme(
    session: Session, store_id: int, programme: Programme, now: datetime, admin_id: int | None = None
) -> Programme:
    """Store a programme; only what differs from the defaults is kept. Turned on for the first time, it starts now."""
    store = session.get_one(Store, store_id)
    before = of(store)
    started_at = before.started_at or (now if programme.is_on else None)
    programme = programme.model_copy(update={"started_at": started_at})
    store.loyalty = programme.model_dump(mode="json", exclude_defaults=True)
    audit.note(session, admin_id, "loyalty.changed", store.public_id, now, is_on=programme.is_on)
    return programme


def adjust(
    session: Session, customer: Customer, points: int, reason: str, now: datetime, admin_id: int | None = None
) -> None:
    """Give points, or take them, for a reason. Raises NotAllowed without one, and for more than is there."""
    programme = of(session.get_one(Store, customer.store_id))
    line = Line(
        store_id=customer.store_id,
        customer_id=customer.id,
        kind="adjust",
        points=points,
        reason=reason,
        expires_at=programme.expires_at(now) if points > 0 else None,
        admin_id=admin_id,
    )
    ledger.adjust(session, line, now)
    audit.note(session, admin_id, "points.adjusted", customer.public_id, now, points=points, reason=reason)


def save_reward(
    session: Session,
    store_id: int,
    *,
    name: str,
    points: int,
    now: datetime,
    offer: Offer | None = None,
    note: str = "",
    least_rank: int = 0,
    is_active: bool = True,
    reward: Reward | None = None,
    admin_id: int | None = None,
) -> Reward:
    """Store a reward: the code of an offer, or a note in words. Raises NotAllowed for what is neither."""
    name, note = name.strip(), note.strip()
    if not name or not 1 <= points <= ledger.MOST:
        raise NotAllowed("A reward has a name, and costs at least one point.")
    if offer is None and not note:
        raise NotAllowed("A reward is an offer's code, or a note that says what the customer gets.")
    if offer is not None and offer.store_id != store_id:
        raise NotAllowed("That offer is another store's.")
    taken = session.scalar(select(Reward).where(Reward.store_id == store_id, Reward.name == name))
    if taken is not None and taken is not reward:
        raise NotAllowed(f"There is a reward called {name} already.")
    if reward is None:
        reward = Reward(public_id=random_id(), store_id=store_id, created_at=now)
        session.add(reward)
    reward.name, reward.points, reward.note = name[:200], points, note[:500]
    reward.offer_id = offer.id if offer else None
    reward.least_rank, reward.is_active = least_rank, is_active
    session.flush()
    audit.note(session, admin_id, "reward.saved", reward.public_id, now, name=name, points=points)
    return reward


def fulfil(session: Session, redemption: Redemption, now: datetime, admin_id: int | None = None) -> None:
    """Say that what a note promised was done."""
    if redemption.done_at is None:
        redemption.done_at = now
        audit.note(session, admin_id, "reward.fulfilled", redemption.id, now)


def judge_referral(
    session: Session, referral_id: int, now: datetime, *, is_approved: bool, admin_id: int | None = None
) -> Referral:
    """Approve or reject a referral that is pending or suspected. Raises NotAllowed for one that is decided."""
    row = referrals.judge(session, referral_id, programmes(session), now, is_approved=is_approved, admin_id=admin_id)
    audit.note(session, admin_id, "referral.judged", row.id, now, state=row.state)
    return row
