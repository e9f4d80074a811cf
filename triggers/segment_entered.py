"""A customer came into a segment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, or_

from automation.models import SegmentMember
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


class SegmentEnteredSettings(TriggerSettings):
    """Which segment."""

    segment: int = Field(0, ge=0, description="The segment's number.")
    delay_hours: float = Field(0, ge=0, le=8760, description="How long after they came in.")


class SegmentEntered(Trigger):
    """Starts when a customer comes into a segment, and ends when they leave it.

    Segments are looked at every five minutes. Who is in the segment when the campaign goes live, or when somebody
    edits the segment, does not enter: only who comes in afterwards. Each time they come back counts again, save for
    the cool-down.
    """

    label = "Came into a segment"
    Settings = SegmentEnteredSettings
    nothing = "they did not come into the segment"
    not_kept = ("Who comes and goes is only kept while a live campaign waits on the segment.",)

    def watched_segments(self, settings: SegmentEnteredSettings) -> Collection[int]:
        return (settings.segment,)

    def occurrences(
        self, settings: SegmentEnteredSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # a stay begins once
        delay = timedelta(hours=settings.delay_hours)
        came = window.earlier(delay)
        now = window.now
        at: Any = SegmentMember.entered_at.expression
        return Occurrences(
            source=SegmentMember.__table__,
            store_id=SegmentMember.store_id.expression,
            customer_id=SegmentMember.customer_id.expression,
            key=cast(SegmentMember.id, String()),
            at=at,
            delay=delay,
            subject_id=SegmentMember.id.expression,
            within=(SegmentMember.segment_id == settings.segment) & (at > came.since) & (at <= came.until),
            conditions={
                "they are still in the segment": or_(SegmentMember.left_at.is_(None), SegmentMember.left_at > now),
            },
            entry={},
        )
