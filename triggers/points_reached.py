"""A customer's points add up to a number."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, func, literal, or_, select

from automation.models import PointsEntry
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_entries = table_of(PointsEntry).c
_line = table_of(PointsEntry).alias("line").c


class PointsReachedSettings(TriggerSettings):
    """How many points it takes."""

    points: int = Field(500, ge=1, le=2**31 - 1, description="The balance that starts the campaign.")
    each: Literal["time", "customer"] = Field(
        "time", description="Each time the balance reaches it, or once per customer for good."
    )
    delay_hours: float = Field(0, ge=0, le=8760, description="How long after it was reached.")


class PointsReached(Trigger):
    """Starts when the line of the points ledger comes that carries a customer's balance over a number.

    If the points are spent or expire before a mail goes out, it does not go out.
    """

    label = "Points reached"
    Settings = PointsReachedSettings
    subject = "points_entry"
    nothing = "no line was added to their points"

    def occurrences(
        self, settings: PointsReachedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # the ledger's lines do not change
        delay = timedelta(hours=settings.delay_hours)
        came = window.earlier(delay)
        now = window.now
        at = _entries.at
        each_time = settings.each == "time"
        before = _balance(is_before=True)
        return Occurrences(
            source=table_of(PointsEntry),
            store_id=_entries.store_id,
            customer_id=_entries.customer_id,
            key=cast(_entries.id, String()) if each_time else literal(f"{settings.points}", type_=String()),
            at=at,
            delay=delay,
            subject_id=_entries.id,
            within=(at > came.since) & (at <= came.until),
            conditions={"the points are still there": _balance(until=now) >= settings.points},
            entry={
                "the line carried the balance over the number": (before < settings.points)
                & (before + _entries.points >= settings.points)
            },
        )


def _balance(*, until: ColumnElement[datetime] | None = None, is_before: bool = False) -> ColumnElement[int]:
    line = _line
    found = select(func.sum(line.points)).where(line.customer_id == _entries.customer_id)
    if until is not None:
        found = found.where(line.at <= until)
    if is_before:
        earlier = (line.at == _entries.at) & (line.id < _entries.id)
        found = found.where(or_(line.at < _entries.at, earlier))
    return func.coalesce(found.scalar_subquery(), 0)
