"""Orders give points, and what is refunded takes them back.

- An order gives points once, when it is paid: its amount in whole units of its currency, times the programme's rate,
  times the factor of the customer's tier then; rounded half up.
- Of these points an order keeps the share of its money that did not go back, rounded up; cancelled, it keeps none.
  What it gave beyond that is taken back, in as many lines as there are refunds, never more than it gave.
- Points that have expired are not taken back: they are gone already. Without `Programme.owe` no more is taken back
  than the balance holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.loyalty import ledger
from automation.loyalty.ledger import MOST, NOTHING, Line
from automation.loyalty.programme import Programme
from automation.models import LoyaltyAccount, PointsEntry, Store
from automation.money import exponent


def amount_of(order: Any, basis: str) -> int:
    """What of an order counts, in minor units of its currency; refunds aside."""
    return max(0, int(order.total if basis == "total" else order.subtotal - order.discount))


def points_for(amount: int, currency: str, rate: Decimal, factor: Decimal) -> int:
    """Points for an amount of minor units: 1999 EUR at 3 a euro are 60."""
    exact = Decimal(amount).scaleb(-exponent(currency)) * rate * factor
    return min(MOST, int(exact.quantize(Decimal(1), ROUND_HALF_UP)))


def kept(points: int, total: int, refunded: int, *, is_cancelled: bool) -> int:
    """How many of an order's points stay, after so much of its money went back. Rounded up, for the customer."""
    if is_cancelled:
        return 0
    if refunded <= 0 or total <= 0:
        return points
    return -(-points * max(0, total - refunded) // total)


@dataclass(slots=True)
class _Given:
    """What an order's lines came to so far."""

    earned: int = 0
    taken: int = 0
    lines: int = 0
    expires_at: datetime | None = None
    customer_id: int = 0


def settle_points(
    session: Session, orders: Sequence[Any], programmes: Mapping[int, tuple[Programme, Store]], now: datetime
) -> int:
    """Give and take back the points of orders; how many lines. A constant number of statements.

    `orders` are rows of `orders`. Accounts are locked while they are looked at.
    """
    counting = [
        order for order in orders if order.customer_id is not None and _counts(order, programmes[order.store_id][0])
    ]
    if not counting:
        return 0
    owners = {(order.store_id, order.customer_id) for order in counting}
    ledger.open_accounts(session, owners)
    ledger.lock(session, [customer for _, customer in owners])
    given = _given(session, [order.id for order in counting])
    ranks = _ranks(session, [customer for _, customer in owners])
    lines = []
    for order in counting:
        programme, store = programmes[order.store_id]
        line = _line(order, programme, store, given.get(order.id), ranks.get(order.customer_id, 0), now)
        lines += [line] if line else []
    lines = _forgiven(session, lines, programmes, now)
    ledger.add(session, lines, now)
    return len(lines)


def _counts(order: Any, programme: Programme) -> bool:
    # A programme that was turned off still takes back what it gave.
    return programme.started_at is not None and order.placed_at >= programme.started_at


def _given(session: Session, order_ids: Sequence[int]) -> dict[int, _Given]:
    found: dict[int, _Given] = defaultdict(_Given)
    for row in session.execute(
        select(
            PointsEntry.order_id, PointsEntry.kind, PointsEntry.points, PointsEntry.expires_at, PointsEntry.customer_id
        )
        .where(PointsEntry.order_id.in_(order_ids), PointsEntry.kind.in_(("earn", "reverse")))
        .order_by(PointsEntry.id)
    ):
        if row.order_id is None:
            continue
        sum_ = found[row.order_id]
        sum_.lines += 1
        if row.kind == "earn":
            sum_.earned += row.points
            sum_.expires_at, sum_.customer_id = row.expires_at, row.customer_id
        else:
            sum_.taken -= row.points
    return found


def _ranks(session: Session, customers: Sequence[int]) -> dict[int, int]:
    rows = session.execute(
        select(LoyaltyAccount.customer_id, LoyaltyAccount.rank).where(LoyaltyAccount.customer_id.in_(customers))
    )
    return {row.customer_id: row.rank for row in rows}


def _line(
    order: Any, programme: Programme, store: Store, given: _Given | None, rank: int, now: datetime
) -> Line | None:
    named = f"Order {order.number}" if order.number else "Order"
    if given is None:
        if not programme.is_on or order.paid_at is None or order.cancelled_at is not None:
            return None
        tier = programme.tier_at(rank)
        rate = programme.rate(order.currency, store.currency)
        points = points_for(
            amount_of(order, programme.basis), order.currency, rate, tier.factor if tier else Decimal(1)
        )
        # What went back before it was ever looked at was never earned.
        points = kept(points, order.total, order.refunded, is_cancelled=False)
        if points <= 0:
            return None
        return Line(
            store_id=order.store_id,
            customer_id=order.customer_id,
            kind="earn",
            points=points,
            reason=named,
            key=f"order:{order.id}",
            expires_at=programme.expires_at(now),
            order_id=order.id,
        )
    if given.expires_at is not None and given.expires_at <= now:
        return None
    keeps = kept(given.earned, order.total, order.refunded, is_cancelled=order.cancelled_at is not None)
    back = given.earned - given.taken - keeps
    if back <= 0:
        return None
    return Line(
        store_id=order.store_id,
        customer_id=given.customer_id,
        kind="reverse",
        points=-back,
        reason=f"{named} cancelled" if order.cancelled_at is not None else f"{named} refunded",
        key=f"order:{order.id}:{given.lines}",
        expires_at=given.expires_at,
        order_id=order.id,
    )


def _forgiven(
    session: Session, lines: Sequence[Line], programmes: Mapping[int, tuple[Programme, Store]], now: datetime
) -> list[Line]:
    """Without `owe` no reversal takes more than there is."""
    cut = [line for line in lines if line.points < 0 and not programmes[line.store_id][0].owe]
    if not cut:
        return list(lines)
    has = ledger.standings(session, {line.customer_id for line in cut}, now)
    left = {line.customer_id: max(0, has.get(line.customer_id, NOTHING).balance) for line in cut}
    done: list[Line] = []
    for line in lines:
        if line not in cut:
            done.append(line)
            continue
        taken = min(-line.points, left[line.customer_id])
        left[line.customer_id] -= taken
        if taken:
            done.append(
                Line(**{name: getattr(line, name) for name in Line.__slots__ if name != "points"}, points=-taken)
            )
    return done
