"""The customers' journey: its stages, who stood where and when, and the touchpoints on the way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of

TOUCHPOINT_KINDS = ("mail", "site", "form", "order", "support", "review", "social", "offline", "own")


class JourneyStage(Record):
    """A part of the journey. A customer stands in the furthest one whose rule holds for them."""

    __tablename__ = "journey_stages"
    __table_args__ = (UniqueConstraint("store_id", "code"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    code: Mapped[Code]
    """What ratings and mails call it; stays the same when it is renamed."""
    name: Mapped[str] = mapped_column(String(80))
    rule: Mapped[dict[str, Any]] = mapped_column(Json)
    position: Mapped[int]
    """Its place in the order, from 1."""
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class JourneyStay(Record):
    """A customer's time in one stage. Without `left_at` they are still there."""

    __tablename__ = "journey_stays"
    __table_args__ = (
        Index(
            "uq_journey_stays_present",
            "customer_id",
            unique=True,
            postgresql_where=text("left_at IS NULL"),
            sqlite_where=text("left_at IS NULL"),
        ),
        Index("ix_journey_stays_customer_id_entered_at", "customer_id", "entered_at"),
        Index("ix_journey_stays_store_id_entered_at", "store_id", "entered_at"),
        Index("ix_journey_stays_store_id_left_at", "store_id", "left_at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    stage_id: Mapped[int] = mapped_column(BigInt, ForeignKey("journey_stages.id"))
    from_stage_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("journey_stages.id"))
    """Where they came from; None where the journey began."""
    step: Mapped[int] = mapped_column(SmallInteger, default=0)
    """1: onward, -1: back, as the stages were ordered then; 0: the beginning."""
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    seconds: Mapped[int | None] = mapped_column(BigInt)
    """How long it lasted, once it is over."""


class Touchpoint(Record):
    """Where a customer meets the store, and what the team makes of it."""

    __tablename__ = "touchpoints"
    __table_args__ = (
        one_of("kind", *TOUCHPOINT_KINDS),
        CheckConstraint("feeling BETWEEN -2 AND 2", name="feeling"),
        CheckConstraint("importance BETWEEN 1 AND 3", name="importance"),
        Index("ix_touchpoints_store_id_stage_id", "store_id", "stage_id"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    stage_id: Mapped[int] = mapped_column(BigInt, ForeignKey("journey_stages.id"))
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[Code]
    event: Mapped[str] = mapped_column(String(128), default="")
    """What it is counted by; empty for mails, forms and orders, which are counted by themselves."""
    importance: Mapped[int] = mapped_column(SmallInteger, default=2)
    """1 to 3."""
    feeling: Mapped[int] = mapped_column(SmallInteger, default=0)
    """How customers feel here, as the team sees it: -2 to 2."""
    owner: Mapped[str] = mapped_column(String(120), default="")
    """Who in the team looks after it."""
    pains: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class FeedbackNote(Record):
    """You said, we did: what customers told, and what the store made of it."""

    __tablename__ = "feedback_notes"
    __table_args__ = (Index("ix_feedback_notes_store_id_at", "store_id", "at"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    touchpoint_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("touchpoints.id"))
    said: Mapped[str] = mapped_column(String(500))
    did: Mapped[str] = mapped_column(String(500))
    at: Mapped[datetime]


class JourneyShare(Record):
    """A link under which anybody who holds it reads the map, and nothing of any person."""

    __tablename__ = "journey_shares"
    __table_args__ = (Index("ix_journey_shares_store_id", "store_id"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(120))
    """For whom it was made."""
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
