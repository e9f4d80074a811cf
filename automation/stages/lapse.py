"""Lapse: consents that were only implied end when their time is over, by a line in the ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.consents import ConsentLine, note
from automation.models import ConsentState


def lapse(app: App, now: datetime, limit: int) -> int:
    """End up to `limit` implied consents whose time is over; how many."""
    with app.db.read() as session:
        if not _over(session, now, 1):
            return 0
    with app.db.write() as session:
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
