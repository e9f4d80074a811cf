"""A feed has something new: its next issue goes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, String, and_, false, func, literal, select, true

from automation.models import Customer, Event
from automation.schedule import Schedule, before, occurrences
from automation.times import DAY, zone
from automation.timetable import INSTANT
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

ITEM = "feed.item_published"
"""The event that tells of an item. Its external id is the item's GUID, so that each is told once."""


class FeedPublishedSettings(TriggerSettings):
    """How often, and what for."""

    schedule: Schedule = Field(Schedule(every="day"), description="When an issue may go out, in the store's zone.")
    feed: str = Field("", max_length=500, description='Which feed: the property "feed" of its items; empty is any.')
    minimum: int = Field(1, ge=1, le=100, description="An issue needs at least this many new items.")
    most: int = Field(10, ge=1, le=20, description="An issue shows at most this many of them, the newest.")
    published_at: AwareDatetime | None = Field(None, description="Set by publishing: items before it are not new.")


class FeedPublished(Trigger):
    """Starts for everybody who agreed to its topic, at an hour of the schedule, if the feed has something new.

    It reads events called feed.item_published that the store has: the feeds of the page Feeds tell them, and the API
    may. New is what came since the campaign's last issue, or since it was published where there was none.
    An hour without enough that is new is passed over, and what there is waits for the next. After a downtime one
    issue goes out, with all that is new, rather than one for each hour that was missed.

    For an hour of each customer's own zone let the flow wait until that hour before its mail: all get the same issue.
    """

    label = "Feed has something new"
    Settings = FeedPublishedSettings
    mailable_only = True
    nothing = "no issue was due"
    remembers = True
    replay_span = DAY / 2

    def at_publish(self, settings: FeedPublishedSettings, now: datetime) -> FeedPublishedSettings:
        return settings.model_copy(update={"published_at": now})

    def occurrences(
        self, settings: FeedPublishedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an issue that has begun has its items
        where = zone(window.timezone)
        due = [at for _, at in occurrences(settings.schedule, where, window.since, window.until)]
        at = due[-1] if due else window.until
        column = literal(at, type_=INSTANT)
        first = settings.published_at or before(settings.schedule, where, at) or window.since
        return Occurrences(
            source=Customer.__table__,
            store_id=Customer.store_id.expression,
            customer_id=Customer.id.expression,
            key=literal(f"{at:%Y-%m-%dT%H:%M:%SZ}", type_=String()),
            at=column,
            subject_id=Customer.id.expression,
            within=true() if due else false(),
            conditions={},
            entry={
                "they were known when it went out": Customer.created_at <= column,
                "the feed has something new": _new_items(settings, window, at, first) >= settings.minimum,
            },
        )


def _new_items(settings: FeedPublishedSettings, window: Window, at: datetime, first: datetime) -> ColumnElement[int]:
    """How many items are new at `at`, counted once for everybody."""
    sent, is_ours = window.enrolments()
    last_issue = (
        select(sent.anchor_at)
        # Whoever is in this very issue entered at its hour or later.
        .where(is_ours, sent.entered_at < at)
        .order_by(sent.entered_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    since = func.coalesce(last_issue, literal(first, type_=INSTANT), type_=INSTANT)
    wanted: list[Any] = [Event.store_id == window.store_id, Event.name == ITEM, Event.at > since, Event.at <= at]
    if settings.feed:
        wanted.append(Event.properties["feed"].as_string() == settings.feed)
    items = select(Event.id).where(and_(*wanted)).limit(settings.minimum).subquery()
    return select(func.count()).select_from(items).scalar_subquery()
