"""Tiers by rolling spend, with grace: who is in which, and when that changes by itself.

The spend is what was paid and not given back, of orders within the programme's window before an instant. Who comes
up to a tier's spend rises at once. Who falls below it keeps the tier for the grace, and only then falls: to the tier
that the spend is enough for by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.loyalty.programme import Programme
from automation.models import CustomerTier, LoyaltyAccount, Order, Store


@dataclass(frozen=True, slots=True)
class Purchase:
    """What an order adds to the spend, from when it was placed until it leaves the window."""

    at: datetime
    amount: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a customer stands among the tiers."""

    rank: int
    spend: int
    fell_at: datetime | None
    """Since when the spend is too little; the grace counts from here."""
    due_at: datetime | None
    """When this changes, if nothing else happens."""


def place(
    programme: Programme, purchases: Sequence[Purchase], rank: int, fell_at: datetime | None, now: datetime
) -> Place:
    """Where a customer of this rank stands now. Pure; the same asked twice is the same."""
    rank = min(rank, len(programme.tiers))
    spend = sum(p.amount for p in purchases if now - programme.window < p.at <= now)
    earned = programme.rank_for(spend)
    if earned >= rank:
        return Place(earned, spend, None, _falls_at(programme, purchases, earned, now))
    since = fell_at or _fell_at(programme, purchases, rank, now)
    if now >= since + programme.grace:
        return Place(earned, spend, None, _falls_at(programme, purchases, earned, now))
    return Place(rank, spend, since, since + programme.grace)


def _spends(programme: Programme, purchases: Sequence[Purchase], now: datetime) -> list[tuple[datetime, int]]:
    """When orders leave the window, and the spend from then on."""
    inside = sorted((p for p in purchases if p.at <= now), key=lambda p: p.at)
    left = sum(p.amount for p in inside)
    found = []
    for purchase in inside:
        left -= purchase.amount
        found.append((purchase.at + programme.window, left))
    return found


def _falls_at(programme: Programme, purchases: Sequence[Purchase], rank: int, now: datetime) -> datetime | None:
    """When the spend falls below a rank's, if nothing more is bought."""
    tier = programme.tier_at(rank)
    if tier is None:
        return None
    falling = (at for at, spend in _spends(programme, purchases, now) if at > now and spend < tier.spend)
    return next(falling, None)


def _fell_at(programme: Programme, purchases: Sequence[Purchase], rank: int, now: datetime) -> datetime:
    """Since when the spend is below a rank's: an order left the window, or just now (a refund, another programme)."""
    tier = programme.tier_at(rank)
    least = tier.spend if tier else 0
    ago = [(at, spend) for at, spend in _spends(programme, purchases, now) if at <= now]
    fell = now
    # Back from now: as long as the spend was too little after each leaving.
    for at, spend in reversed(ago):
        if spend >= least:
            break
        fell = at
    return fell


def refresh(
    session: Session, customer_ids: Sequence[int], programmes: Mapping[int, tuple[Programme, Store]], now: datetime
) -> int:
    """Bring these customers' tiers up to their orders; how many changed. The caller holds their accounts' lock.

    Four statements, however many customers.
    """
    accounts = session.execute(
        select(
            LoyaltyAccount.customer_id,
            LoyaltyAccount.store_id,
            LoyaltyAccount.rank,
            LoyaltyAccount.tier,
            LoyaltyAccount.fell_at,
            LoyaltyAccount.due_at,
        ).where(LoyaltyAccount.customer_id.in_(set(customer_ids)))
    ).all()
    accounts = [row for row in accounts if programmes[row.store_id][0].is_on]
    bought = _purchases(session, accounts, programmes, now)
    changed: list[dict[str, Any]] = []
    risen: list[dict[str, Any]] = []
    for row in accounts:
        programme = programmes[row.store_id][0]
        # A programme may have lost or gained tiers below the customer's: the name tells which it was.
        rank = next((n for n, tier in enumerate(programme.tiers, 1) if tier.name == row.tier), 0)
        found = place(programme, bought[row.customer_id], rank, row.fell_at, now)
        changed.append(_account(row, programme, found))
        tier = {name: changed[-1][name] for name in ("customer_id", "tier", "rank")}
        if (tier["tier"], found.rank) != (row.tier, row.rank):
            risen.append({"store_id": row.store_id, "since": now, **tier})
    bulk.update(session, LoyaltyAccount, changed, key=("customer_id",))
    if risen:
        session.execute(insert(CustomerTier), risen)
    return len(risen)


def _account(row: Any, programme: Programme, found: Place) -> dict[str, Any]:
    tier = programme.tier_at(found.rank)
    return {
        "customer_id": row.customer_id,
        "tier": tier.name if tier else "",
        "rank": found.rank,
        "spend": found.spend,
        "fell_at": found.fell_at,
        "due_at": min((at for at in (row.due_at, found.due_at) if at is not None), default=None),
    }


def _purchases(
    session: Session, accounts: Sequence[Any], programmes: Mapping[int, tuple[Programme, Store]], now: datetime
) -> Mapping[int, Sequence[Purchase]]:
    """Orders of the window and the grace before it: what left it lately says since when a spend is too little."""
    found: dict[int, list[Purchase]] = defaultdict(list)
    tiered = [row for row in accounts if programmes[row.store_id][0].tiers]
    if not tiered:
        return found
    longest = max(p.window + p.grace for p, _ in programmes.values())
    for order in session.execute(
        select(
            Order.customer_id,
            Order.store_id,
            Order.placed_at,
            Order.currency,
            Order.total,
            Order.refunded,
        ).where(
            Order.customer_id.in_({row.customer_id for row in tiered}),
            Order.placed_at > now - longest,
            Order.placed_at <= now,
            Order.paid_at.is_not(None),
            Order.cancelled_at.is_(None),
        )
    ):
        programme, store = programmes[order.store_id]
        amount = programme.worth(max(0, order.total - order.refunded), order.currency, store.currency)
        found[order.customer_id or 0].append(Purchase(order.placed_at, amount))
    return found
