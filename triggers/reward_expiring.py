"""Points that a customer has will expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, exists, func, literal, or_, select

from automation.loyalty.ledger import lives_beyond
from automation.models import PointsEntry
from automation.spans import later
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_entries = table_of(PointsEntry).c
_line, _other = (table_of(PointsEntry).alias(name).c for name in ("line", "other"))


class RewardExpiringSettings(TriggerSettings):
    """How long before, and how many at least."""

    days_before: float = Field(14, ge=0, le=365, description="Days before the points expire.")
    least: int = Field(1, ge=1, le=2**31 - 1, description="Fewer points than this are not worth a mail.")


class RewardExpiring(Trigger):
    """Starts some days before points of a customer expire, if there is something left of them.

    Points are spent in the order they expire in, so what expires is what the balance holds beyond the points that
    live longer. Points that expire within a day of each other start it once. Spending them ends it.
    """

    label = "Points about to expire"
    Settings = RewardExpiringSettings
    subject = "points_entry"
    nothing = "no points of theirs were about to expire"

    def occurrences(
        self, settings: RewardExpiringSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an expiry does not move
        delay = -timedelta(days=settings.days_before)
        due = window.earlier(delay)
        now = window.now
        at: Any = _entries.expires_at
        return Occurrences(
            source=table_of(PointsEntry),
            store_id=_entries.store_id,
            customer_id=_entries.customer_id,
            key=cast(_entries.id, String()),
            at=at,
            delay=delay,
            subject_id=_entries.id,
            within=(at > due.since) & (at <= due.until),
            conditions={
                "they have not expired yet": at > now,
                "enough of them are left": _left(now) >= settings.least,
            },
            entry={
                "points were given": _entries.points > 0,
                "no others expire in the day before": ~_expires_sooner(),
            },
        )


def _left(now: ColumnElement[datetime]) -> ColumnElement[int]:
    """The balance, less what lives more than a day longer."""
    line = _line
    a_day_on = later(_entries.expires_at, literal(1.0))
    counted = select(func.sum(line.points).filter(~lives_beyond(line, a_day_on))).where(
        line.customer_id == _entries.customer_id, line.at <= now
    )
    return func.coalesce(counted.scalar_subquery(), 0)


def _expires_sooner() -> ColumnElement[bool]:
    other = _other
    sooner = (other.expires_at < _entries.expires_at) & (other.expires_at > later(_entries.expires_at, literal(-1.0)))
    return exists(
        select(1).where(
            other.customer_id == _entries.customer_id,
            other.points > 0,
            or_(sooner, (other.expires_at == _entries.expires_at) & (other.id < _entries.id)),
        )
    )
