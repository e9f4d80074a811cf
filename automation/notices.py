"""What flows told the people who run a store, until somebody has seen to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from automation import audit
from automation.models import Campaign, Customer, Notice


@dataclass(frozen=True, slots=True)
class Open:
    """A notice that nobody has seen to, as a page shows it."""

    id: int
    text: str
    at: datetime
    campaign: str
    customer_id: str
    """The customer's public id."""
    customer: str


def _is_for(store_id: int, admin_id: int) -> ColumnElement[bool]:
    return (
        (Notice.store_id == store_id)
        & Notice.read_at.is_(None)
        & or_(Notice.admin_id.is_(None), Notice.admin_id == admin_id)
    )


def waiting(session: Session, store_id: int, admin_id: int, limit: int = 5) -> tuple[list[Open], int]:
    """The newest notices for an admin, or for everybody, and how many there are in all; one statement."""
    rows = session.execute(
        select(Notice, Campaign.name, Customer, func.count().over())
        .join(Campaign, Campaign.id == Notice.campaign_id)
        .join(Customer, Customer.id == Notice.customer_id)
        .where(_is_for(store_id, admin_id))
        .order_by(Notice.created_at.desc(), Notice.id.desc())
        .limit(limit)
    ).all()
    found = [
        Open(
            notice.id,
            notice.text,
            notice.created_at,
            campaign,
            customer.public_id,
            f"{customer.first_name} {customer.last_name}".strip() or customer.email or "A customer",
        )
        for notice, campaign, customer, _ in rows
    ]
    return found, rows[0][3] if rows else 0


def see_to(session: Session, store_id: int, notice_id: int, admin_id: int, now: datetime) -> bool:
    """Mark a notice as seen to; False for one that is not this admin's, or was seen to already."""
    done = session.scalar(
        update(Notice)
        .where(Notice.id == notice_id, _is_for(store_id, admin_id))
        .values(read_at=now)
        .returning(Notice.id)
    )
    if done is not None:
        audit.note(session, admin_id, "notice.seen_to", str(notice_id), now)
    return done is not None
