"""What a person may do about an address that must not be mailed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.models import Customer, Suppression

_FOR_GOOD = {
    "complaint": "Its owner called a mail spam: this suppression cannot be lifted.",
    "erased": "Its owner was erased: this suppression cannot be lifted.",
}


def may_lift(reason: str) -> bool:
    """Whether a suppression of this reason can be lifted at all."""
    return reason not in _FOR_GOOD


def lift(session: Session, customer: Customer, now: datetime, admin_id: int | None = None) -> None:
    """Let a customer's address be mailed again; their consent is another matter and stays as it is.

    Raises NotAllowed when it is not suppressed, or suppressed for good.
    """
    row = session.scalar(
        select(Suppression)
        .where(Suppression.store_id == customer.store_id, Suppression.email_key == customer.email_key)
        .with_for_update()
    )
    if row is None:
        raise NotAllowed("The address is not suppressed.")
    if row.reason in _FOR_GOOD:
        raise NotAllowed(_FOR_GOOD[row.reason])
    session.delete(row)
    audit.note(session, admin_id, "suppression.lifted", customer.public_id, now, reason=row.reason)
