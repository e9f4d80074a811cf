"""Points into rewards: a code of an offer, or a note to the store. The points and the code go in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.loyalty import ledger, programme
from automation.loyalty.ledger import Line
from automation.models import Customer, LoyaltyAccount, Offer, OfferCode, Redemption, Reward, Store
from automation.offers.guard import Refusal
from automation.offers.holding import Claim, reserve
from automation.offers.terms import last_day


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A reward that was taken, as its customer sees it."""

    name: str
    points: int
    at: datetime
    code: str
    """Empty where the reward is a note."""
    note: str
    until: str | None
    """The last day on which the code is good, ISO."""
    is_used: bool


def offered(session: Session, store_ids: Iterable[int], now: datetime) -> dict[int, list[Reward]]:
    """The rewards that can be taken at an instant, the cheapest first, by store. One statement."""
    rows = session.scalars(
        select(Reward)
        .outerjoin(Offer, Offer.id == Reward.offer_id)
        .where(
            Reward.store_id.in_(set(store_ids)),
            Reward.is_active,
            or_(Reward.offer_id.is_(None), Offer.is_active & (Offer.ends_at.is_(None) | (Offer.ends_at > now))),
        )
        .order_by(Reward.points, Reward.id)
    )
    found: dict[int, list[Reward]] = {}
    for row in rows:
        found.setdefault(row.store_id, []).append(row)
    return found


def redeem(session: Session, customer: Customer, reward: Reward, key: str, now: datetime) -> Redemption:
    """Spend a customer's points on a reward. The same `key` again answers what it gave the first time.

    Raises NotAllowed, and changes nothing, where the programme is off, the reward is not for this customer, too few
    points are there, or no code is left.
    """
    ledger.open_accounts(session, [(customer.store_id, customer.id)])
    ledger.lock(session, [customer.id])
    before = session.scalar(select(Redemption).where(Redemption.store_id == reward.store_id, Redemption.key == key))
    if before is not None:
        if before.customer_id != customer.id:
            raise NotAllowed("This form was somebody else's.")
        return before
    _check(session, customer, reward)
    line = Line(
        store_id=customer.store_id,
        customer_id=customer.id,
        kind="spend",
        points=-reward.points,
        reason=reward.name,
        key=f"redemption:{key}",
    )
    written = ledger.spend(session, [line], now)
    if not written:
        raise NotAllowed("There are not enough points for this reward.")
    code_id = _code(session, customer, reward, key, now)
    row = Redemption(
        store_id=customer.store_id,
        customer_id=customer.id,
        reward_id=reward.id,
        entry_id=written[f"redemption:{key}"],
        code_id=code_id,
        key=key,
        at=now,
        done_at=now if code_id is not None else None,
    )
    session.add(row)
    session.flush()
    return row


def _check(session: Session, customer: Customer, reward: Reward) -> None:
    if customer.erased_at is not None or reward.store_id != customer.store_id:
        raise NotAllowed("This reward is not for this customer.")
    if not programme.of(session.get_one(Store, customer.store_id)).is_on:
        raise NotAllowed("The programme is closed at the moment.")
    if not reward.is_active:
        raise NotAllowed("This reward is not given any more.")
    rank = session.scalar(select(LoyaltyAccount.rank).where(LoyaltyAccount.customer_id == customer.id)) or 0
    if rank < reward.least_rank:
        raise NotAllowed("This reward is for a higher tier.")


def _code(session: Session, customer: Customer, reward: Reward, key: str, now: datetime) -> int | None:
    if reward.offer_id is None:
        return None
    offer = session.get_one(Offer, reward.offer_id)
    holder = f"redemption:{key}"
    got = reserve(session, offer, customer.store_id, [Claim(holder, customer.id)], now, guarded=False)[holder]
    if isinstance(got, Refusal):
        # The caller's transaction rolls back: the points stay.
        raise NotAllowed("This reward has run out for the moment. Your points are untouched.")
    return got.code_id


def redeemed(session: Session, customer_id: int, timezone: str, limit: int = 20) -> list[Redeemed]:
    """A customer's rewards, the newest first."""
    rows = session.execute(
        select(Redemption, Reward, OfferCode)
        .join(Reward, Reward.id == Redemption.reward_id)
        .outerjoin(OfferCode, OfferCode.id == Redemption.code_id)
        .where(Redemption.customer_id == customer_id)
        .order_by(Redemption.at.desc(), Redemption.id.desc())
        .limit(limit)
    )
    return [
        Redeemed(
            name=reward.name,
            points=reward.points,
            at=row.at,
            code=code.code if code else "",
            note=reward.note,
            until=last_day(code.expires_at, timezone) if code else None,
            is_used=code is not None and code.state not in ("given", "reserved"),
        )
        for row, reward, code in rows
    ]
