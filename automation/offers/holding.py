"""Who holds which code. In bulk: a constant number of statements for a thousand customers, and never one code twice.

PostgreSQL's workers skip the codes that others are taking (SKIP LOCKED); on SQLite a write transaction is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import Customer, Offer, OfferCode, OfferRefusal, Store
from automation.offers import sights
from automation.offers.codes import key_of
from automation.offers.guard import Refusal, Seen, refusal
from automation.offers.terms import Guard, expiry

FIRST_LOOK = timedelta(hours=1)
"""A reserved code is looked at after this, and again as often: did its mail leave, has its run ended?"""
LIVE = ("reserved", "given")


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who is to have a code, and for what."""

    holder: str
    """`enrolment:12`: whoever asks again for the same gets the same code."""
    customer_id: int | None
    enrolment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A code that a claim has."""

    code_id: int
    code: str
    expires_at: datetime | None


def find(session: Session, store_id: int, name: str) -> Offer | None:
    """A store's offer by the name that flows call it."""
    return session.scalar(select(Offer).where(Offer.store_id == store_id, Offer.name == name))


def reserve(
    session: Session,
    offer: Offer | None,
    store_id: int,
    claims: Sequence[Claim],
    now: datetime,
    *,
    guarded: bool = True,
) -> Mapping[str, Held | Refusal]:
    """A code for each claim, or why not, by holder; what was refused is kept with its reason.

    `guarded=False` is for codes that were paid for, with points or by bringing a friend. The customers are locked
    first, so that two runs cannot both find the guard's limit free.
    """
    if not claims:
        return {}
    people = _lock(session, claims)
    found: dict[str, Held | Refusal] = dict(_known(session, offer, claims, now)) if offer else {}
    wanting = [claim for claim in claims if claim.holder not in found]
    over = _over(offer, now)
    if over is not None:
        found |= dict.fromkeys((claim.holder for claim in wanting), over)
    elif offer is not None and wanting:
        found |= _judged(session, offer, wanting, people, now, guarded=guarded)
        takers = [claim for claim in wanting if claim.holder not in found]
        found |= _take(session, offer, takers, now, is_sent=not guarded)
    _note(
        session, offer, store_id, [claim for claim in wanting if isinstance(found[claim.holder], Refusal)], found, now
    )
    return found


def _lock(session: Session, claims: Sequence[Claim]) -> Mapping[int, datetime | None]:
    ids = {claim.customer_id for claim in claims if claim.customer_id is not None}
    rows = session.execute(
        select(Customer.id, Customer.erased_at)
        .where(Customer.id.in_(ids))
        .order_by(Customer.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.erased_at for row in rows}


def _known(session: Session, offer: Offer, claims: Sequence[Claim], now: datetime) -> dict[str, Held | Refusal]:
    rows = session.execute(
        select(OfferCode.id, OfferCode.holder, OfferCode.code, OfferCode.expires_at, OfferCode.state).where(
            OfferCode.offer_id == offer.id, OfferCode.holder.in_({claim.holder for claim in claims})
        )
    )
    return {
        row.holder: Held(row.id, row.code, row.expires_at)
        if row.state in LIVE and (row.expires_at is None or row.expires_at > now)
        else Refusal("offer_over", {"code_is": "expired" if row.state in LIVE else row.state})
        for row in rows
    }


def _over(offer: Offer | None, now: datetime) -> Refusal | None:
    if offer is None or not offer.is_active:
        return Refusal("no_offer", {})
    if offer.ends_at is not None and offer.ends_at <= now:
        return Refusal("offer_over", {"ended_at": offer.ends_at.isoformat()})
    return None


def _judged(
    session: Session,
    offer: Offer,
    claims: Sequence[Claim],
    people: Mapping[int, datetime | None],
    now: datetime,
    *,
    guarded: bool,
) -> dict[str, Held | Refusal]:
    """The refusals among the claims."""
    found: dict[str, Held | Refusal] = {}
    guard = Guard.model_validate(offer.guard)
    seen = sights.load(session, guard, claims, now) if guarded else {}
    given: dict[int, int] = {}
    for claim in claims:
        if claim.customer_id is not None and people.get(claim.customer_id) is not None:
            found[claim.holder] = Refusal("erased", {})
            continue
        if not guarded or claim.customer_id is None:
            continue
        sight = seen.get(claim.holder, Seen())
        before = given.get(claim.customer_id, 0)
        no = refusal(guard, offer.kind, offer.value, offer.currency, sights.more(sight, before))
        if no is not None:
            found[claim.holder] = no
        else:
            given[claim.customer_id] = before + 1
    return found


def _take(
    session: Session, offer: Offer, claims: Sequence[Claim], now: datetime, *, is_sent: bool
) -> dict[str, Held | Refusal]:
    if not claims:
        return {}
    timezone = session.execute(select(Store.timezone).where(Store.id == offer.store_id)).scalar_one()
    until = expiry(offer.ends_at, offer.valid_days, now, timezone)
    fresh: dict[str, Any] = {"issued_at": now, "expires_at": until}
    fresh |= {"state": "given", "look_at": until} if is_sent else {"state": "reserved", "look_at": now + FIRST_LOOK}
    if offer.supply == "shared":
        return _share(session, offer, claims, fresh, now)
    free = session.execute(
        select(OfferCode.id, OfferCode.code)
        .where(OfferCode.offer_id == offer.id, OfferCode.state == "free")
        .order_by(OfferCode.id)
        .limit(len(claims))
        .with_for_update(skip_locked=True)
    ).all()
    pairs = list(zip(claims, free, strict=False))
    bulk.update(
        session,
        OfferCode,
        [
            {"id": row.id, "holder": c.holder, "customer_id": c.customer_id, "enrolment_id": c.enrolment_id}
            for c, row in pairs
        ],
        where=OfferCode.state == "free",
        values=fresh,
    )
    if len(free) < len(claims):
        # The stock is looked at now rather than at its next turn: somebody went without.
        offer.look_at = now
    found: dict[str, Held | Refusal] = {c.holder: Held(row.id, row.code, until) for c, row in pairs}
    return found | {c.holder: Refusal("pool_empty", {}) for c in claims[len(free) :]}


def _share(
    session: Session, offer: Offer, claims: Sequence[Claim], fresh: dict[str, Any], now: datetime
) -> dict[str, Held | Refusal]:
    rows = [
        {
            "store_id": offer.store_id,
            "offer_id": offer.id,
            "code": offer.shared_code,
            "code_key": key_of(offer.shared_code),
            "is_shared": True,
            "holder": c.holder,
            "customer_id": c.customer_id,
            "enrolment_id": c.enrolment_id,
            "created_at": now,
            **fresh,
        }
        for c in claims
    ]
    written = bulk.insert(session, OfferCode, rows, returning=(OfferCode.id, OfferCode.holder))
    return {str(row.holder): Held(row.id, offer.shared_code, fresh["expires_at"]) for row in written}


def _note(
    session: Session,
    offer: Offer | None,
    store_id: int,
    claims: Sequence[Claim],
    found: Mapping[str, Held | Refusal],
    now: datetime,
) -> None:
    rows = []
    for claim in claims:
        no = found[claim.holder]
        if claim.customer_id is not None and isinstance(no, Refusal):
            rows.append(
                {
                    "store_id": store_id,
                    "offer_id": offer.id if offer else None,
                    "customer_id": claim.customer_id,
                    "enrolment_id": claim.enrolment_id,
                    "holder": claim.holder,
                    "reason": no.reason,
                    "facts": no.facts,
                    "at": now,
                }
            )
    if rows:
        session.execute(insert(OfferRefusal), rows)


def release(session: Session, code_ids: Sequence[int]) -> None:
    """Give reserved codes back: one of a pool is free again, a customer's hold on a shared one ends."""
    nobody: dict[str, Any] = dict.fromkeys(
        ("holder", "customer_id", "enrolment_id", "issued_at", "expires_at", "look_at", "message_id")
    )
    rows = [{"id": code_id} for code_id in code_ids]
    bulk.update(
        session,
        OfferCode,
        rows,
        where=(OfferCode.state == "reserved") & ~OfferCode.is_shared,
        values={"state": "free", **nobody},
    )
    bulk.update(
        session,
        OfferCode,
        rows,
        where=(OfferCode.state == "reserved") & OfferCode.is_shared,
        values={"state": "void", **nobody},
    )
