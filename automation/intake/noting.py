"""The one writer of events: whatever happened becomes a row, and who waits for it is woken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from automation.models import Event
from automation.upsert import table_of
from automation.waking import VISIT, stir

_VISIT = re.compile(r"(^|\.)(viewed|visited|searched|seen|added_to_cart|logged_in)$")
"""Names of events that only somebody who is there can cause."""


def is_visit(name: str) -> bool:
    """Whether an event of this name tells that the customer was there."""
    return _VISIT.search(name) is not None


def keep(session: Session, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write events down as rows of `events`, and wake who waits for them: two statements, in the caller's transaction.

    For what we see happen ourselves; what others tell goes through `intake.record`, which knows a repetition. All
    rows name the same columns.
    """
    if not rows:
        return
    session.connection().execute(insert(table_of(Event)), [dict(row) for row in rows])
    happened = [(row["customer_id"], row["name"]) for row in rows]
    happened += [(customer_id, VISIT) for customer_id, name in happened if is_visit(name)]
    stir(session, happened, now)
