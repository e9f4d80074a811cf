"""Whom a store may advertise to elsewhere: hashed addresses, as ad platforms take them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from automation.models import ConsentState, Customer, Suppression


def query(store_id: int, now: datetime) -> Select[*tuple[Any, ...]]:
    """Who agreed to marketing and may be mailed: whoever may not be must not be advertised to by address either."""
    agreed = and_(
        ConsentState.customer_id == Customer.id,
        ConsentState.topic == "marketing",
        ConsentState.status == "granted",
        or_(ConsentState.expires_at.is_(None), ConsentState.expires_at > now),
    )
    suppressed = and_(Suppression.store_id == store_id, Suppression.email_key == Customer.email_key)
    return select(Customer.id, Customer.email_key).where(
        Customer.store_id == store_id,
        Customer.email_key.is_not(None),
        Customer.erased_at.is_(None),
        exists().where(agreed),
        ~exists().where(suppressed),
    )


def page(_session: Session, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Both spellings' hashes, of each row."""
    return [{"email_sha256": _hash(row[1]), "google_email_sha256": _hash(googled(row[1]))} for row in rows]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def googled(email: str) -> str:
    """As Google's Customer Match wants it: without dots, and what follows a plus, in the name of its own addresses."""
    name, _, domain = email.rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):
        name = name.partition("+")[0].replace(".", "")
    return f"{name}@{domain}"
