"""A customer's points add up to a number."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, func, literal, or_, select
from sqlalchemy.orm import aliased

from automation.models import PointsEntry
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


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
        at = PointsEntry.at.expression
        each_time = settings.each == "time"
        before = _balance(is_before=True)
        return Occurrences(
            source=PointsEntry.__table__,
            store_id=PointsEntry.store_id.expression,
            customer_id=PointsEntry.customer_id.expression,
            key=cast(PointsEntry.id, String()) if each_time else literal(f"{settings.points}", type_=String()),
            at=at,
            delay=delay,
            subject_id=PointsEntry.id.expression,
            within=(at > came.since) & (at <= came.until),
            conditions={"the points are still there": _balance(until=now) >= settings.points},
            entry={
                "the line carried the balance over the number": (before < settings.points)
                & (before + PointsEntry.points >= settings.points)
            },
        )


def _balance(*, until: ColumnElement[datetime] | None = None, is_before: bool = False) -> ColumnElement[int]:
    line = aliased(PointsEntry)
    found = select(func.sum(line.points)).where(line.customer_id == PointsEntry.customer_id)
    if until is not None:
        found = found.where(line.at <= until)
    if is_before:
        earlier = (line.at == PointsEntry.at) & (line.id < PointsEntry.id)
        found = found.where(or_(line.at < PointsEntry.at, earlier))
    return func.coalesce(found.scalar_subquery(), 0)
