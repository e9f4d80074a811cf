"""What a person may choose about values and scores: the horizon, thresholds, and what a lead score counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.insights.value import lead, rfm
from automation.insights.value.finding import look_at_all
from automation.models import Segment, ValueSettings

LEAST_HORIZON, MOST_HORIZON = 30, 1_095
"""Days."""


def _settings(session: Session, store_id: int, now: datetime) -> ValueSettings:
    row = session.get(ValueSettings, store_id)
    if row is None:
        row = ValueSettings(store_id=store_id, updated_at=now)
        session.add(row)
        session.flush()
    row.updated_at = now
    return row


def choose_horizon(session: Session, store_id: int, days: int, now: datetime, admin_id: int) -> None:
    """How far lifetime value looks ahead. Raises NotAllowed outside of the limits."""
    if not LEAST_HORIZON <= days <= MOST_HORIZON:
        raise NotAllowed(f"The horizon is {LEAST_HORIZON} to {MOST_HORIZON} days.")
    _settings(session, store_id, now).horizon_days = days
    look_at_all(session, store_id, now)
    audit.note(session, admin_id, "values.horizon", store_id, now, days=days)


def choose_thresholds(
    session: Session, store_id: int, own: Mapping[str, Sequence[int]], now: datetime, admin_id: int
) -> None:
    """The store's own thresholds, {"recency": [four numbers], …}; where one is missing its quantiles stand.

    Raises NotAllowed for a name that there is not, and for numbers that do not rise.
    """
    if unknown := sorted(set(own) - set(rfm.NAMES)):
        raise NotAllowed(f"There are no thresholds for {unknown[0][:40]!r}.")
    row = _settings(session, store_id, now)
    row.thresholds = {name: rfm.checked(name, cuts) for name, cuts in own.items()}
    look_at_all(session, store_id, now)
    audit.note(session, admin_id, "values.thresholds", store_id, now, own=sorted(own))


def choose_lines(
    session: Session, store_id: int, lines: Sequence[Mapping[str, Any]] | None, now: datetime, admin_id: int
) -> None:
    """What a lead score counts; None is the usual. Raises NotAllowed for a line that makes no sense."""
    read = lead.lines_of(lines)
    for line in read:
        segment = session.get(Segment, line.segment) if line.segment else None
        if line.segment and (segment is None or segment.store_id != store_id):
            raise NotAllowed("There is no such segment.")
    row = _settings(session, store_id, now)
    row.lead_lines = None if lines is None else [line.model_dump(mode="json", exclude_none=True) for line in read]
    look_at_all(session, store_id, now)
    audit.note(session, admin_id, "values.lead", store_id, now, lines=len(read))
