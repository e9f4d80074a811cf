"""Keyed hashes by which people who were erased are known again, and by nobody without the installation's key."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from sqlalchemy.orm import Session

from automation.addresses import key_of
from automation.database import ERASURE_KEY
from automation.errors import SetupError


def _mark(session: Session, text: str) -> str:
    key = session.info.get(ERASURE_KEY)
    if not key:
        # Without it the erased would come back unseen.
        raise SetupError("This database was opened without the installation's key.")
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()


def mark_of_address(session: Session, email: str | None) -> str | None:
    """The mark of an address; None for what is none."""
    key = key_of(email)
    return _mark(session, f"email:{key}") if key else None


def mark_of_id(session: Session, connection_id: int, external_id: str) -> str:
    """The mark of what a shop calls somebody."""
    return _mark(session, f"id:{connection_id}:{external_id}")


def marks_of_ids(session: Session, ids: Iterable[tuple[int, str]]) -> list[str]:
    """The marks of (connection, external id) pairs."""
    return [mark_of_id(session, connection_id, external_id) for connection_id, external_id in ids]
