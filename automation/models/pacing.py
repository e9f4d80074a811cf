"""What workers share so that together they keep to a connection's rate and to its warm-up."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Record


class RateState(Record):
    """A connection's token bucket, shared by all workers; there is none for a connection without a limit."""

    __tablename__ = "rate_states"

    connection_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("connections.id"), primary_key=True, autoincrement=False
    )
    per_second: Mapped[float] = mapped_column(Float)
    """At present: halved by "too many requests", and back at the ceiling after some minutes without one."""
    told: Mapped[float | None] = mapped_column(Float)
    """The provider's own word on how many a second it takes: by its answers' headers, or by its account's quota."""
    tokens: Mapped[float] = mapped_column(Float)
    filled_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    """The provider said that nothing is left until then."""
    lowered_at: Mapped[datetime | None]
    """When it last said that it was too many."""
    asked_at: Mapped[datetime | None]
    """When its quota was last asked for."""
    quota: Mapped[str] = mapped_column(String(200), default="")
    """What it said of its quota, in words."""


class WarmDay(Record):
    """How many places of one day of a connection's warm-up are taken, by mailbox provider."""

    __tablename__ = "warm_days"

    connection_id: Mapped[int] = mapped_column(
        BigInt, ForeignKey("connections.id"), primary_key=True, autoincrement=False
    )
    mailbox: Mapped[str] = mapped_column(String(32), primary_key=True)
    day_on: Mapped[date] = mapped_column(primary_key=True)
    taken: Mapped[int]
    """Mails that went on this day, or have a place on it."""
