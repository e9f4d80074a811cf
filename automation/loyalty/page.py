"""What a customer sees of the loyalty programme: balance, history, tier, rewards, and the invitation for friends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.errors import NotAllowed
from automation.loyalty import ledger, programme, referrals, rewards
from automation.loyalty.ledger import NOTHING
from automation.loyalty.programme import Programme, Tier
from automation.loyalty.rewards import Redeemed
from automation.models import (
    Customer,
    LoyaltyAccount,
    Message,
    Offer,
    PointsEntry,
    Redemption,
    Referral,
    Reward,
    Store,
)
from automation.offers.holding import Claim, Held, reserve
from automation.times import local_date, zone

OPEN = timedelta(days=60)
"""How long a mail's link leads to its reader's points: mails are passed on and mailboxes lost."""
LINES = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """A reward that the store gives."""

    public_id: str
    name: str
    points: int
    note: str
    tier: str
    """The tier that it takes; empty if none."""
    is_in_reach: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page shows."""

    store: Store
    zone: ZoneInfo
    """The customer's, for dates."""
    is_test: bool
    programme: Programme
    available: int
    owed: int
    """Points below zero, as a number above it: given back with an order after they were spent."""
    next_loss: tuple[date, int] | None
    """When points will be lost if none are spent, where the customer lives, and how many."""
    tier: Tier | None
    next_tier: Tier | None
    spend: int
    """Towards the next tier, in minor units of the store's currency."""
    kept_until: datetime | None
    """The spend fell below the tier's; it is kept until then."""
    history: Sequence[PointsEntry]
    choices: Sequence[Choice]
    taken: Sequence[Redeemed]
    code: str
    """For inviting friends; empty where the programme gives nothing for it."""
    friends: int
    """How many friends have bought and counted."""


def reader_of(session: Session, public_id: str, now: datetime) -> tuple[Message, Customer, Store] | None:
    """Who holds the link of this message; None when it is unknown or too old, or its reader was erased."""
    found = session.execute(
        select(Message, Customer, Store)
        .join(Customer, Customer.id == Message.customer_id)
        .join(Store, Store.id == Message.store_id)
        .where(Message.public_id == public_id, Customer.erased_at.is_(None))
    ).one_or_none()
    if found is None or now >= found[0].created_at + OPEN:
        return None
    return found[0], found[1], found[2]


def view(session: Session, public_id: str, now: datetime) -> View | None:
    """The page of the reader of this message; None when the link leads nowhere or the programme is off."""
    reader = reader_of(session, public_id, now)
    if reader is None:
        return None
    message, customer, store = reader
    rules = programme.of(store)
    if not rules.is_on:
        return None
    standing = ledger.standings(session, [customer.id], now).get(customer.id, NOTHING)
    coming = ledger.expiries(session, [customer.id], now).get(customer.id, ())
    where = zone(customer.timezone or store.timezone)
    account = session.get(LoyaltyAccount, customer.id)
    rank = account.rank if account else 0
    invites = bool(rules.referrer or rules.friend or rules.friend_offer) and not message.is_test
    return View(
        store=store,
        zone=where,
        is_test=message.is_test,
        programme=rules,
        available=standing.available,
        owed=max(0, -standing.balance),
        next_loss=ledger.next_loss(standing, coming, lambda at: local_date(at, where)),
        tier=rules.tier_at(rank),
        next_tier=rules.tier_at(rank + 1),
        spend=account.spend if account else 0,
        kept_until=account.fell_at + rules.grace if account and account.fell_at else None,
        history=session.scalars(
            select(PointsEntry)
            .where(PointsEntry.customer_id == customer.id)
            .order_by(PointsEntry.at.desc(), PointsEntry.id.desc())
            .limit(LINES)
        ).all(),
        choices=_choices(session, store, rules, standing.available, rank, now),
        taken=rewards.redeemed(session, customer.id, customer.timezone or store.timezone),
        code=(account.referral_code or "") if account and invites else "",
        friends=_friends(session, customer.id),
    )


def _choices(
    session: Session, store: Store, rules: Programme, available: int, rank: int, now: datetime
) -> list[Choice]:
    found = []
    for row in rewards.offered(session, [store.id], now).get(store.id, ()):
        tier = rules.tier_at(row.least_rank)
        is_for_them = rank >= row.least_rank
        found.append(
            Choice(
                row.public_id,
                row.name,
                row.points,
                row.note,
                "" if is_for_them or tier is None else tier.name,
                is_for_them and available >= row.points,
            )
        )
    return found


def _friends(session: Session, customer_id: int) -> int:
    counted = select(func.count(Referral.id)).where(Referral.referrer_id == customer_id, Referral.state == "approved")
    return session.scalar(counted) or 0


def take(session: Session, public_id: str, reward_id: str, key: str, now: datetime) -> Redemption:
    """Spend the points of this message's reader on a reward; the same `key` again gives the same.

    Raises NotAllowed, and changes nothing, where that cannot be.
    """
    reader = reader_of(session, public_id, now)
    if reader is None:
        raise NotAllowed("This link is too old. A newer mail holds a fresh one.")
    message, customer, store = reader
    if message.is_test:
        raise NotAllowed("This is a test mail: nothing can be redeemed with it.")
    reward = session.scalar(select(Reward).where(Reward.public_id == reward_id, Reward.store_id == store.id))
    if reward is None:
        raise NotAllowed("There is no such reward.")
    if not 8 <= len(key) <= 64:
        raise NotAllowed("The form was incomplete. Please load the page again.")
    return rewards.redeem(session, customer, reward, key, now)


def invitation(session: Session, public_id: str, now: datetime) -> str | None:
    """The invitation code of this message's reader, drawn at the first time; None where there is no inviting."""
    reader = reader_of(session, public_id, now)
    if reader is None or reader[0].is_test or not programme.of(reader[2]).is_on:
        return None
    return referrals.code_for(session, reader[1])


@dataclass(frozen=True, slots=True)
class Invited:
    """What a friend gets."""

    referrer: Customer
    store: Store
    programme: Programme
    offer: Offer | None


def invited(session: Session, code: str) -> Invited | None:
    """Who invites with a code, and what to; None for an unknown one, and where the programme is off."""
    referrer = referrals.referrer_of(session, code) if len(code) <= 16 else None
    if referrer is None:
        return None
    store = session.get_one(Store, referrer.store_id)
    rules = programme.of(store)
    if not rules.is_on:
        return None
    return Invited(referrer, store, rules, _friends_offer(session, store, rules))


def _friends_offer(session: Session, store: Store, rules: Programme) -> Offer | None:
    if not rules.friend_offer:
        return None
    return session.scalar(
        select(Offer).where(Offer.store_id == store.id, Offer.name == rules.friend_offer, Offer.is_active)
    )


def accept(session: Session, code: str, email: str, now: datetime, *, ip: str, agent: str) -> str | None:
    """A friend leaves an address: keep the referral, and answer their code (empty where there is none to give).

    Whoever is doubted (`referrals.SIGNALS`) is told the same and gets no code; None for an unknown invitation.
    Raises Unreadable for what is no address.
    """
    found = invited(session, code)
    if found is None:
        return None
    row = referrals.invite(session, found.referrer, email, now, ip=ip, agent=agent)
    if found.offer is None or row.state != "pending" or row.referrer_id != found.referrer.id:
        return ""
    holder = f"referral:{row.id}"
    got = reserve(session, found.offer, found.store.id, [Claim(holder, None)], now, guarded=False)[holder]
    return got.code if isinstance(got, Held) else ""
