"""Offers with what became of their codes. A constant number of statements, however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.actions import offers as actions
from automation.models import Customer, Offer, OfferCode, OfferRefusal, Order

SPAN = timedelta(days=30)
"""What the refusals are of."""
_GIVEN = ("given", "redeemed", "expired")


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer as the list and its page show it."""

    offer: Offer
    state: str
    """active, low (few codes left), ended or withdrawn."""
    codes: dict[str, int] = field(default_factory=dict)
    """How many are in which state."""
    redeemed: int = 0

    @property
    def free(self) -> int:
        return self.codes.get("free", 0)

    @property
    def held(self) -> int:
        """Set aside for mails and rewards that are on their way."""
        return self.codes.get("reserved", 0)

    @property
    def given(self) -> int:
        """Those that reached a customer, used or not."""
        return sum(self.codes.get(state, 0) for state in _GIVEN)

    @property
    def expired(self) -> int:
        return self.codes.get("expired", 0)


@dataclass(frozen=True, slots=True)
class Use:
    """A code that was redeemed."""

    code: str
    at: datetime
    total: int
    currency: str
    number: str
    email: str
    customer: str
    """The customer's public id; empty for nobody we know."""


def rows(session: Session, store_id: int, now: datetime, public_id: str = "") -> list[OfferRow]:
    """A store's offers, the newest first and those that are over last; or the one with this public id."""
    mine = Offer.store_id == store_id
    if public_id:
        mine &= Offer.public_id == public_id
    found = session.scalars(select(Offer).where(mine).order_by(Offer.is_active.desc(), Offer.id.desc())).all()
    counts = actions.counts(session, [offer.id for offer in found])
    return [
        OfferRow(offer, _state(offer, now), counts[offer.id], counts[offer.id].get("redeemed", 0)) for offer in found
    ]


def _state(offer: Offer, now: datetime) -> str:
    if not offer.is_active:
        return "withdrawn"
    if offer.ends_at is not None and offer.ends_at <= now:
        return "ended"
    return "low" if offer.low_since is not None else "active"


def uses(session: Session, offer_id: int, limit: int = 10) -> list[Use]:
    """The codes of an offer that were redeemed last."""
    found = session.execute(
        select(
            OfferCode.code,
            OfferCode.redeemed_at,
            Order.total,
            Order.currency,
            Order.number,
            Customer.email,
            Customer.public_id,
        )
        .join(Order, Order.id == OfferCode.order_id)
        .outerjoin(Customer, Customer.id == OfferCode.redeemed_by)
        .where(OfferCode.offer_id == offer_id, OfferCode.state == "redeemed", OfferCode.redeemed_at.is_not(None))
        .order_by(OfferCode.redeemed_at.desc(), OfferCode.id.desc())
        .limit(limit)
    )
    return [
        Use(row.code, row.redeemed_at, row.total, row.currency, row.number, row.email or "", row.public_id or "")
        for row in found
        if row.redeemed_at is not None
    ]


def refusals(session: Session, offer_id: int, now: datetime) -> list[tuple[str, int]]:
    """(why, how many) went without an offer within the last days, the most frequent reason first."""
    found = session.execute(
        select(OfferRefusal.reason, func.count())
        .where(OfferRefusal.offer_id == offer_id, OfferRefusal.at > now - SPAN)
        .group_by(OfferRefusal.reason)
        .order_by(func.count().desc(), OfferRefusal.reason)
    )
    return [(reason, int(count)) for reason, count in found]


def free_codes(session: Session, offer_id: int) -> list[str]:
    """The codes that nobody has yet, in the order in which they are given: for the shop to be told."""
    found = select(OfferCode.code).where(OfferCode.offer_id == offer_id, OfferCode.state == "free")
    return list(session.scalars(found.order_by(OfferCode.id)))
