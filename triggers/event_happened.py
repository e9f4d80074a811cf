"""An event of any name happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import ColumnElement, String, cast, literal

from automation.models import Event
from automation.properties import PropertyFilter, all_match
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

EventName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=128)]


class EventHappenedSettings(TriggerSettings):
    """Which events start the campaign."""

    event: EventName = Field("review.left", description="The event's name, as the shop or the API tells it.")
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=10, description="Only events whose properties all compare like this."
    )
    delay_minutes: int = Field(0, ge=0, le=525_600, description="How long after the event.")
    each: Literal["event", "customer"] = Field(
        "event", description="Start for every such event, or once per customer for good."
    )


class EventHappened(Trigger):
    """Starts when something is told about a known customer: a review, a support request, a survey's answer.

    Any event counts that the shop, the storefront snippet or the JSON API sends; its properties can be compared with
    texts, numbers and yes or no. An event that belongs to nobody we know starts nothing.
    """

    label = "Something happened"
    Settings = EventHappenedSettings
    subject = "event"
    nothing = "no such event was told of"

    def occurrences(
        self, settings: EventHappenedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # an event does not change
        delay = timedelta(minutes=settings.delay_minutes)
        happened = window.earlier(delay)
        key = cast(Event.id, String()) if settings.each == "event" else literal(settings.event, type_=String())
        return Occurrences(
            source=Event.__table__,
            store_id=Event.store_id.expression,
            customer_id=Event.customer_id.expression,
            key=key,
            at=Event.at.expression,
            delay=delay,
            subject_id=Event.id.expression,
            within=(Event.name == settings.event) & (Event.at > happened.since) & (Event.at <= happened.until),
            conditions={},
            entry={"the event's properties are the ones asked for": all_match(settings.where, Event.properties)},
        )
