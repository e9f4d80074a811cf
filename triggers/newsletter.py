"""A newsletter goes out, once, to everybody it is for."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, String, false, literal, true

from automation.models import Customer
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


class NewsletterSettings(TriggerSettings):
    """When it goes out."""

    send_at: AwareDatetime | None = Field(None, description="Date and time; empty sends it when it is published.")


class Newsletter(Trigger):
    """Starts once, for every customer of the audience who agreed to its topic.

    Who it is for is settled at the hour it goes out: customers who become known later do not get it.
    """

    label = "Newsletter"
    Settings = NewsletterSettings
    mailable_only = True

    def at_publish(self, settings: NewsletterSettings, now: datetime) -> NewsletterSettings:
        return settings if settings.send_at else settings.model_copy(update={"send_at": now})

    def occurrences(
        self, settings: NewsletterSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # nothing here counts from it
        send_at = (settings.send_at or window.until).astimezone(UTC)
        at = literal(send_at, type_=Customer.created_at.type)
        return Occurrences(
            source=Customer.__table__,
            store_id=Customer.store_id.expression,
            customer_id=Customer.id.expression,
            key=literal(f"{send_at:%Y-%m-%dT%H:%M:%SZ}", type_=String()),
            at=at,
            subject_id=Customer.id.expression,
            within=true() if window.since < send_at <= window.until else false(),
            conditions={},
            entry={"they were known when it went out": Customer.created_at <= at},
            last_at=send_at,
        )
