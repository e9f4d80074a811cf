"""Lapse: what ends by itself when its time is over.

Consents that were only implied, by a line in the ledger; and sign-ups that nobody confirmed, of which nothing is kept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.consents import ConsentLine, note
from automation.models import ConsentState
from automation.signup import purging


def lapse(app: App, now: datetime, limit: int) -> int:
    """End up to `limit` implied consents, and purge as many sign-ups, whose time is over; how many."""
    with app.db.read() as session:
        is_over, is_unconfirmed = bool(_over(session, now, 1)), purging.is_any_due(session, now)
    moved = 0
    if is_over:
        with app.db.write() as session:
            moved += _end(session, now, limit)
    if is_unconfirmed:
        with app.db.write() as session:
            moved += purging.purge(session, now, limit)
    return moved


def _end(session: Session, now: datetime, limit: int) -> int:
    over = _over(session, now, limit)
    note(
        session,
        [
            ConsentLine(
                store_id=state.store_id,
                customer_id=state.customer_id,
                topic=state.topic,
                status="withdrawn",
                source="expiry",
                basis="implied",
                at=state.expires_at or now,
                detail="What implied their consent is too long ago.",
            )
            for state in over
        ],
        now,
    )
    return len(over)


def _over(session: Session, now: datetime, limit: int) -> list[ConsentState]:
    return list(
        session.scalars(
            select(ConsentState)
            .where(ConsentState.expires_at <= now, ConsentState.status == "granted")
            .order_by(ConsentState.expires_at)
            .limit(limit)
        )
    )
