"""What a person may do about consent and the law: a store's rules, and one customer's access and erasure."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from automation import audit
from automation.consent_policy import ConsentPolicy
from automation.erasing.access import access
from automation.erasing.erase import erase
from automation.models import Customer, Store


def save_rules(session: Session, store_id: int, rules: ConsentPolicy, now: datetime, admin_id: int | None) -> None:
    """Store a store's rules of consent, as far as they differ from the defaults."""
    store = session.get_one(Store, store_id)
    store.consent = rules.model_dump(mode="json", exclude_defaults=True)
    audit.note(session, admin_id, "consent.rules", store.public_id, now, **store.consent)


def give_access(session: Session, customer: Customer, now: datetime, admin_id: int | None) -> bytes:
    """A ZIP of all that is held of a customer; who took it stands in the audit log."""
    store = session.get_one(Store, customer.store_id)
    audit.note(session, admin_id, "customer.accessed", customer.public_id, now)
    return access(session, customer, store.name, now)


def erase_for_good(session: Session, customer: Customer, now: datetime, admin_id: int | None) -> bool:
    """Erase a customer; False when they were erased already."""
    return erase(session, customer, now, admin_id=admin_id)
