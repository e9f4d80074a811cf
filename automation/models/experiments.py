"""What comparisons of people brought to light, and what strayed from its usual course."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Measurement(Record):
    """How an experiment stood when it was looked at last; made anew from enrolments and orders at every look."""

    __tablename__ = "measurements"
    __table_args__ = (
        UniqueConstraint("store_id", "key"),
        one_of("kind", "holdout", "ab_test"),
        Index(
            "ix_measurements_due",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    key: Mapped[str] = mapped_column(String(160))
    """What is compared, and since when: the same experiment begun anew is another one."""
    kind: Mapped[Code]
    title: Mapped[str] = mapped_column(String(200))
    campaign_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    """None where all of a store's mails are held against none."""
    step_id: Mapped[str | None] = mapped_column(String(64))
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """What was asked: the share held out, the window; or the arms, the metric and what decides."""
    figures: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """What was found."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    measured_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When it is to be looked at again; None once nothing can change any more."""


class SeriesDay(Record):
    """One day of a figure that is watched: how many mails, clicks, complaints, how much revenue."""

    __tablename__ = "series_days"

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True)
    series: Mapped[str] = mapped_column(String(120), primary_key=True)
    """What is counted: campaign/12/clicks."""
    on: Mapped[date] = mapped_column(primary_key=True)
    """A day of the store's zone."""
    value: Mapped[float] = mapped_column(Float)
    of: Mapped[int | None] = mapped_column(BigInt)
    """Among how many, where it is a share."""


class Alert(Record):
    """A figure left its usual band on a day."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("store_id", "series", "on"),
        Index(
            "ix_alerts_open",
            "store_id",
            "id",
            postgresql_where=text("dismissed_at IS NULL"),
            sqlite_where=text("dismissed_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    series: Mapped[str] = mapped_column(String(120))
    on: Mapped[date]
    text: Mapped[str] = mapped_column(String(500))
    """What happened, with what is usual, in a sentence."""
    place: Mapped[str] = mapped_column(String(200), default="")
    """Where to look: a path of the admin pages."""
    value: Mapped[float] = mapped_column(Float)
    low: Mapped[float] = mapped_column(Float)
    high: Mapped[float] = mapped_column(Float)
    """The band of that day."""
    created_at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]
    dismissed_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))


class AlertMute(Record):
    """A figure of which nobody wants to hear for a while."""

    __tablename__ = "alert_mutes"

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True)
    series: Mapped[str] = mapped_column(String(120), primary_key=True)
    title: Mapped[str] = mapped_column(String(300), default="")
    until_at: Mapped[datetime | None]
    """None is for good."""
    muted_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))
    muted_at: Mapped[datetime]
