"""The audit log: who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from automation.models import AuditEntry


def note(session: Session, admin_id: int | None, action: str, object_id: object, now: datetime, **detail: Any) -> None:
    """Add a line, in the same transaction as what it tells of. `detail` holds no secrets and no addresses."""
    session.add(AuditEntry(admin_id=admin_id, action=action, object_id=str(object_id), detail=detail, at=now))
