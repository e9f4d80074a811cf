"""A customer left a segment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, String, cast, exists, or_, select
from sqlalchemy.orm import aliased

from automation.models import SegmentMember
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


class SegmentLeftSettings(TriggerSettings):
    """Which segment."""

    segment: int = Field(0, ge=0, description="The segment's number.")
    delay_hours: float = Field(0, ge=0, le=8760, description="How long after they left.")


class SegmentLeft(Trigger):
    """Starts when a customer drops out of a segment, and ends when they come back into it.

    Segments are looked at every five minutes. Who drops out because somebody edits the segment does not enter.
    """

    label = "Left a segment"
    Settings = SegmentLeftSettings
    nothing = "they did not leave the segment"
    not_kept = ("Who comes and goes is only kept while a live campaign waits on the segment.",)

    def watched_segments(self, settings: SegmentLeftSettings) -> Collection[int]:
        return (settings.segment,)

    def occurrences(
        self, settings: SegmentLeftSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # a stay ends once
        delay = timedelta(hours=settings.delay_hours)
        went = window.earlier(delay)
        now = window.now
        at: Any = SegmentMember.left_at.expression
        again = aliased(SegmentMember)
        return Occurrences(
            source=SegmentMember.__table__,
            store_id=SegmentMember.store_id.expression,
            customer_id=SegmentMember.customer_id.expression,
            key=cast(SegmentMember.id, String()),
            at=at,
            delay=delay,
            subject_id=SegmentMember.id.expression,
            within=(SegmentMember.segment_id == settings.segment) & (at > went.since) & (at <= went.until),
            conditions={
                "they have not come back into the segment": ~exists(
                    select(1).where(
                        again.segment_id == SegmentMember.segment_id,
                        again.customer_id == SegmentMember.customer_id,
                        again.id > SegmentMember.id,
                        or_(again.entered_at.is_(None), again.entered_at <= now),
                        or_(again.left_at.is_(None), again.left_at > now),
                    )
                ),
            },
            entry={},
        )
