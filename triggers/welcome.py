"""Somebody subscribes, or becomes known, for the first time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement, String, exists, literal, select
from sqlalchemy.orm import aliased

from automation.models import Consent, ConsentState, Customer
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window


class WelcomeSettings(TriggerSettings):
    """What begins the acquaintance."""

    when: Literal["subscribed", "known"] = Field(
        "subscribed", description="When they agree to a topic for the first time, or as soon as the store knows them."
    )
    topic: str = Field("marketing", min_length=1, max_length=64, description="For a subscription: to which topic.")
    imported: bool = Field(False, description="Welcome those too who came with an import.")
    after_minutes: int = Field(0, ge=0, le=43200, description="Minutes to let pass first.")


class Welcome(Trigger):
    """Starts once for each customer, when they subscribe for the first time or become known.

    A second subscription after an unsubscribe is no first time. Who comes with an import is not welcomed
    unless it is asked for, and whoever was a customer before the campaign went live is not welcomed afterwards.
    """

    label = "New subscriber or customer"
    Settings = WelcomeSettings
    nothing = "they did not subscribe or become known"

    def occurrences(
        self, settings: WelcomeSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # nothing here counts from it
        delay = timedelta(minutes=settings.after_minutes)
        came = window.earlier(delay)
        if settings.when == "known":
            return Occurrences(
                source=Customer.__table__,
                store_id=Customer.store_id.expression,
                customer_id=Customer.id.expression,
                key=literal("welcome", type_=String()),
                at=Customer.created_at.expression,
                delay=delay,
                subject_id=Customer.id.expression,
                within=(Customer.created_at > came.since) & (Customer.created_at <= came.until),
                conditions={},
                entry={}
                if settings.imported
                else {"they came by themselves, not with an import": Customer.imported_at.is_(None)},
            )
        entry = {"they had never agreed before": ~_agreed_before()}
        if not settings.imported:
            entry["they agreed themselves, not by an import"] = Consent.source != "import"
        return Occurrences(
            source=Consent.__table__,
            store_id=Consent.store_id.expression,
            customer_id=Consent.customer_id.expression,
            key=literal("welcome", type_=String()),
            at=Consent.at.expression,
            delay=delay,
            subject_id=Consent.id.expression,
            within=(Consent.topic == settings.topic)
            & (Consent.status == "granted")
            & (Consent.basis == "express")
            & (Consent.at > came.since)
            & (Consent.at <= came.until),
            conditions={
                "they still agree": _agrees(settings.topic) if window.as_of is None else ~_withdrew(window.now)
            },
            entry=entry,
        )


def _agreed_before() -> ColumnElement[bool]:
    before = aliased(Consent)
    return exists(
        select(1).where(
            before.customer_id == Consent.customer_id,
            before.topic == Consent.topic,
            before.status == "granted",
            before.basis == "express",
            (before.at < Consent.at) | ((before.at == Consent.at) & (before.id < Consent.id)),
        )
    )


def _withdrew(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """By the ledger: their last word up to `now` was another one."""
    word, last = aliased(Consent), aliased(Consent)
    after = (last.at > word.at) | ((last.at == word.at) & (last.id > word.id))
    is_last = ~exists(
        select(1)
        .where(last.customer_id == word.customer_id, last.topic == word.topic, last.at <= now, after)
        .correlate(word)
    )
    return exists(
        select(1).where(
            word.customer_id == Consent.customer_id,
            word.topic == Consent.topic,
            word.status != "granted",
            word.at >= Consent.at,
            word.at <= now,
            is_last,
        )
    )


def _agrees(topic: str) -> ColumnElement[bool]:
    return exists(
        select(1).where(
            ConsentState.customer_id == Consent.customer_id,
            ConsentState.topic == topic,
            ConsentState.status == "granted",
        )
    )
