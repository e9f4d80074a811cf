"""The points ledger: lines are added under the customer's lock, and the account follows from them.

**What is left of which points.** Points are spent in the order in which they expire. So of the balance at an instant,
what is alive then is at most what was given with a later expiry: everything beyond that belongs to points that have
expired, and is taken away by an `expire` line. A `reverse` line takes back points of one line, and carries that
line's expiry, so that the two cancel out.

    overdue(at) = balance − Σ points of lines that live beyond `at`, if that is more than nothing
    live beyond: `earn`, positive `adjust` and `reverse` lines that expire after `at`, or never

Where points live equally long this is first in, first out. Where later points expire sooner than earlier ones (the
programme was shortened), spending counts as taken from the sooner ones, also if they came after it: the customer
keeps them until the others' time is over, and never loses points too soon.

No spending takes the balance below zero, or touches what is overdue. A reversal may (`Programme.owe`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from automation import bulk
from automation.errors import NotAllowed
from automation.models import LoyaltyAccount, PointsEntry

MOST = 2**31 - 1
"""Of one line, either way."""
_BATCH = 1000

Kind = Literal["earn", "spend", "expire", "adjust", "reverse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line to be added."""

    store_id: int
    customer_id: int
    kind: Kind
    points: int
    reason: str
    key: str | None = None
    """The same key is written once; see `PointsEntry.key`."""
    expires_at: datetime | None = None
    order_id: int | None = None
    admin_id: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a customer's ledger comes to at an instant."""

    balance: int
    """The sum of all lines."""
    alive: int
    """Of what was given, what has not expired."""
    next_expiry_at: datetime | None
    """When points expire next, whether or not any of them are left."""

    @property
    def overdue(self) -> int:
        """Points that have expired and are still in the balance."""
        return max(0, self.balance - max(0, self.alive))

    @property
    def available(self) -> int:
        """What can be spent."""
        return max(0, self.balance - self.overdue)


NOTHING = Standing(0, 0, None)


def lives_beyond(line: Any, at: Any) -> ColumnElement[bool]:
    """Whether a line (PointsEntry or an alias of it) gives, or takes back, points that live beyond `at`."""
    gives = or_(line.points > 0, line.kind == "reverse")
    return and_(gives, or_(line.expires_at.is_(None), line.expires_at > at))


def standings(session: Session, customer_ids: Iterable[int], now: datetime) -> dict[int, Standing]:
    """Each customer's standing; those without a line are left out. One statement."""
    ids = set(customer_ids)
    later = PointsEntry.expires_at > now
    rows = session.execute(
        select(
            PointsEntry.customer_id,
            func.sum(PointsEntry.points),
            func.sum(case((lives_beyond(PointsEntry, now), PointsEntry.points), else_=0)),
            func.min(case((and_(later, PointsEntry.points > 0), PointsEntry.expires_at))),
        )
        .where(PointsEntry.customer_id.in_(ids))
        .group_by(PointsEntry.customer_id)
    )
    return {customer: Standing(int(balance), int(alive or 0), at) for customer, balance, alive, at in rows}


def expiries(session: Session, customer_ids: Iterable[int], now: datetime) -> dict[int, list[tuple[datetime, int]]]:
    """What was given and expires after `now`: (when, points), the soonest first, by customer. One statement."""
    rows = session.execute(
        select(PointsEntry.customer_id, PointsEntry.expires_at, func.sum(PointsEntry.points))
        .where(
            PointsEntry.customer_id.in_(set(customer_ids)),
            PointsEntry.expires_at.is_not(None),
            lives_beyond(PointsEntry, now),
        )
        .group_by(PointsEntry.customer_id, PointsEntry.expires_at)
        .order_by(PointsEntry.customer_id, PointsEntry.expires_at)
    )
    found: dict[int, list[tuple[datetime, int]]] = {}
    for customer, at, points in rows:
        if at is not None:
            found.setdefault(customer, []).append((at, int(points)))
    return found


def next_loss(
    standing: Standing, coming: Sequence[tuple[datetime, int]], date_of: Callable[[datetime], date]
) -> tuple[date, int] | None:
    """The first date on which points will be lost if none are spent, and how many; None where none ever will.

    `coming` is what `expiries` gives. By the rule of this file: at an instant what is left beyond the points that
    live longer is gone. What expires within one date is one loss.
    """
    beyond, found = standing.alive, None
    for at, points in coming:
        on = date_of(at)
        if found is not None and on != found[0]:
            break
        beyond -= points
        lost = standing.available - max(0, beyond)
        if lost > 0:
            found = on, lost
    return found


def open_accounts(session: Session, owners: Iterable[tuple[int, int]]) -> None:
    """Make sure that these customers, as (store, customer), have accounts."""
    rows = [
        {"store_id": store, "customer_id": customer, "balance": 0, "tier": "", "rank": 0, "spend": 0}
        for store, customer in sorted(set(owners))
    ]
    if rows:
        bulk.insert(session, LoyaltyAccount, rows, skip=("customer_id",))


def lock(session: Session, customer_ids: Iterable[int]) -> None:
    """Hold these customers' accounts to the end of the transaction, in the order of their ids."""
    session.execute(
        select(LoyaltyAccount.customer_id)
        .where(LoyaltyAccount.customer_id.in_(set(customer_ids)))
        .order_by(LoyaltyAccount.customer_id)
        .with_for_update()
    ).all()


def add(session: Session, lines: Sequence[Line], now: datetime) -> dict[str, int]:
    """Add lines; answers the ids of those that were new, by key. Their accounts follow.

    For lines that give, take back or put right; `spend` is for those that may lack. Raises ValueError for a line
    that spends. A constant number of statements per 1,000 lines.
    """
    if any(line.kind == "spend" for line in lines):
        raise ValueError("spending asks for what is there: use spend()")
    written: dict[str, int] = {}
    for start in range(0, len(lines), _BATCH):
        written |= _add(session, lines[start : start + _BATCH], now)
    return written


def _add(session: Session, lines: Sequence[Line], now: datetime) -> dict[str, int]:
    owners = {(line.store_id, line.customer_id) for line in lines}
    open_accounts(session, owners)
    lock(session, {customer for _, customer in owners})
    written = _write(session, lines, now)
    follow(session, {customer for _, customer in owners}, now)
    return written


def _write(session: Session, lines: Sequence[Line], now: datetime) -> dict[str, int]:
    for line in lines:
        if not line.points or abs(line.points) > MOST:
            raise ValueError(f"a line of {line.points} points")
    rows = [{**asdict(line), "reason": line.reason[:200], "at": now} for line in lines]
    written = bulk.insert(session, PointsEntry, rows, skip=True, returning=(PointsEntry.key, PointsEntry.id))
    return {row.key: row.id for row in written if row.key is not None}


def spend(session: Session, lines: Sequence[Line], now: datetime) -> dict[str, int]:
    """Add lines that spend, where the points are there; answers the ids of those that were written, by key.

    Every line needs a key. Of several lines of one customer the first come first; a line for which too little is
    left is left out, and one whose key is known already is not written again. `points` are below zero.
    """
    if any(line.points >= 0 or line.key is None or line.kind != "spend" for line in lines):
        raise ValueError("a line that spends takes points, and has a key")
    if not lines:
        return {}
    owners = {(line.store_id, line.customer_id) for line in lines}
    customers = {customer for _, customer in owners}
    open_accounts(session, owners)
    lock(session, customers)
    known = {
        (row.store_id, row.key)
        for row in session.execute(
            select(PointsEntry.store_id, PointsEntry.key).where(
                PointsEntry.store_id.in_({store for store, _ in owners}),
                PointsEntry.key.in_({line.key for line in lines}),
            )
        )
    }
    left: dict[int, int] = defaultdict(int)
    left |= {customer: found.available for customer, found in standings(session, customers, now).items()}
    going: list[Line] = []
    for line in lines:
        if (line.store_id, line.key) not in known and left[line.customer_id] + line.points >= 0:
            known.add((line.store_id, line.key))
            left[line.customer_id] += line.points
            going.append(line)
    written = _write(session, going, now) if going else {}
    follow(session, customers, now)
    return written


def follow(session: Session, customer_ids: Iterable[int], now: datetime) -> None:
    """Bring accounts up to their ledgers: the balance, and when points expire next. The caller holds their lock."""
    ids = set(customer_ids)
    balance = (
        select(func.coalesce(func.sum(PointsEntry.points), 0))
        .where(PointsEntry.customer_id == LoyaltyAccount.customer_id)
        .scalar_subquery()
    )
    soonest = (
        select(func.min(PointsEntry.expires_at))
        .where(
            PointsEntry.customer_id == LoyaltyAccount.customer_id,
            PointsEntry.points > 0,
            PointsEntry.expires_at > now,
        )
        .scalar_subquery()
    )
    session.execute(
        sql_update(LoyaltyAccount)
        .where(LoyaltyAccount.customer_id.in_(ids))
        .values(
            balance=balance,
            due_at=case(
                (LoyaltyAccount.due_at.is_(None), soonest),
                (soonest < LoyaltyAccount.due_at, soonest),
                else_=LoyaltyAccount.due_at,
            ),
        )
        .execution_options(synchronize_session=False)
    )


def adjust(session: Session, line: Line, now: datetime) -> None:
    """Put a balance right, up or down, for a reason. Raises NotAllowed without one, or below zero."""
    if not line.reason.strip():
        raise NotAllowed("Say why: the customer may ask.")
    if not line.points or abs(line.points) > 10_000_000:
        raise NotAllowed("Between 1 and 10,000,000 points can be given or taken at once.")
    open_accounts(session, [(line.store_id, line.customer_id)])
    lock(session, [line.customer_id])
    has = standings(session, [line.customer_id], now).get(line.customer_id, NOTHING).balance
    if line.points < 0 and has + line.points < 0:
        raise NotAllowed(f"The customer has {max(0, has):,} points: more cannot be taken.")
    _write(session, [line], now)
    follow(session, [line.customer_id], now)
