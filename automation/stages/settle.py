"""After listening: orders that changed redeem codes, give points and take them back; then what falls due by itself.

Intake marks every order that it writes (`is_unsettled`); here the mark is taken off in the transaction that looks at
the order, so that a change in between marks it again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from automation.app import App
from automation.faults import declare, fault
from automation.loyalty import accounts, earning, ledger, occasions, referrals, tiers
from automation.loyalty.programme import Programme, programmes
from automation.models import LoyaltyAccount, Order, Referral, Store
from automation.offers.redeeming import redeem

declare("settle.before_commit")

Programmes = dict[int, tuple[Programme, Store]]


def settle(app: App, now: datetime, limit: int) -> int:
    """Settle at most `limit` changed orders, accounts that are due, and other things that earn; rows looked at."""
    with app.db.read() as session:
        known = programmes(session)
        is_busy = _has_orders(session), _has_due(session, now)
    moved = _settle_orders(app, now, limit) if is_busy[0] else 0
    if is_busy[1]:
        with app.db.write() as session:
            known = programmes(session)
            moved += accounts.look_after(session, now, limit, known)
            moved += referrals.decide_due(session, known, now, limit)
            fault("settle.before_commit")
    if any(programme.is_on for programme, _ in known.values()):
        moved += _occasions(app, now, limit)
    return moved


def _has_orders(session: Session) -> bool:
    return session.scalar(select(Order.id).where(Order.is_unsettled).limit(1)) is not None


def _has_due(session: Session, now: datetime) -> bool:
    account = select(LoyaltyAccount.customer_id).where(LoyaltyAccount.due_at <= now).limit(1)
    referral = select(Referral.id).where(Referral.due_at <= now, Referral.state == "pending").limit(1)
    return session.scalar(account) is not None or session.scalar(referral) is not None


def _settle_orders(app: App, now: datetime, limit: int) -> int:
    with app.db.write() as session:
        orders = session.execute(
            select(
                Order.id,
                Order.store_id,
                Order.customer_id,
                Order.email_key,
                Order.number,
                Order.currency,
                Order.subtotal,
                Order.discount,
                Order.total,
                Order.refunded,
                Order.codes,
                Order.placed_at,
                Order.paid_at,
                Order.cancelled_at,
            )
            .where(Order.is_unsettled)
            .order_by(Order.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not orders:
            return 0
        known = programmes(session, {order.store_id for order in orders})
        redeem(session, orders)
        referrals.match(session, orders, known, now)
        on = [order for order in orders if known[order.store_id][0].started_at is not None]
        earning.settle_points(session, on, known, now)
        owners = {(o.store_id, o.customer_id) for o in on if o.customer_id and known[o.store_id][0].is_on}
        if owners:
            ledger.open_accounts(session, owners)
            ledger.lock(session, [customer for _, customer in owners])
            tiers.refresh(session, [customer for _, customer in owners], known, now)
        session.execute(
            sql_update(Order)
            .where(Order.id.in_([order.id for order in orders]))
            .values(is_unsettled=False)
            .execution_options(synchronize_session=False)
        )
        fault("settle.before_commit")
    return len(orders)


def _occasions(app: App, now: datetime, limit: int) -> int:
    """What a write transaction would find nothing to do for is looked for in a reading one first."""
    with app.db.read() as session:
        if not occasions.is_any(session, programmes(session), now):
            return 0
    with app.db.write() as session:
        known = programmes(session)
        moved = occasions.sign_ups(session, known, now, limit)
        moved += occasions.events(session, known, now, limit)
        moved += occasions.birthdays(session, known, now, limit)
        fault("settle.before_commit")
    return moved
