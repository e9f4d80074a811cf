"""Accounts that are due: points expire, orders leave the window, grace ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from automation import bulk
from automation.loyalty import ledger, tiers
from automation.loyalty.ledger import Line
from automation.loyalty.programme import Programme
from automation.models import LoyaltyAccount, OfferCode, Referral, Store


def expire(session: Session, owners: Sequence[tuple[int, int]], now: datetime) -> int:
    """Take away what is left of expired points of these (store, customer); how many lines. Accounts are locked."""
    standings = ledger.standings(session, [customer for _, customer in owners], now)
    lines = [
        Line(
            store_id=store,
            customer_id=customer,
            kind="expire",
            points=-standings[customer].overdue,
            reason="Points expired",
        )
        for store, customer in owners
        if customer in standings and standings[customer].overdue
    ]
    ledger.add(session, lines, now)
    return len(lines)


def look_after(session: Session, now: datetime, limit: int, programmes: Mapping[int, tuple[Programme, Store]]) -> int:
    """Bring up to `limit` accounts that are due up to date; how many. A constant number of statements."""
    owners = [
        (row.store_id, row.customer_id)
        for row in session.execute(
            select(LoyaltyAccount.store_id, LoyaltyAccount.customer_id)
            .where(LoyaltyAccount.due_at <= now)
            .order_by(LoyaltyAccount.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ]
    if not owners:
        return 0
    customers = [customer for _, customer in owners]
    expire(session, owners, now)
    bulk.update(
        session,
        LoyaltyAccount,
        [{"customer_id": customer, "due_at": None} for customer in customers],
        key=("customer_id",),
    )
    ledger.follow(session, customers, now)
    tiers.refresh(session, customers, programmes, now)
    return len(owners)


def merge_accounts(session: Session, store_id: int, kept: int, gone: int, now: datetime) -> None:
    """Give one customer's account to another, after the ledger's lines; what follows from them is looked at next."""
    has = set(session.scalars(select(LoyaltyAccount.customer_id).where(LoyaltyAccount.customer_id.in_((kept, gone)))))
    for column in (Referral.referrer_id, Referral.friend_id):
        session.execute(sql_update(Referral).where(column == gone).values({column.key: kept}))
    session.execute(sql_update(OfferCode).where(OfferCode.redeemed_by == gone).values(redeemed_by=kept))
    if not has:
        return
    ledger.open_accounts(session, [(store_id, kept)])
    ledger.lock(session, (kept, gone))
    session.execute(delete(LoyaltyAccount).where(LoyaltyAccount.customer_id == gone))
    ledger.follow(session, [kept], now)
    session.execute(sql_update(LoyaltyAccount).where(LoyaltyAccount.customer_id == kept).values(due_at=now))
