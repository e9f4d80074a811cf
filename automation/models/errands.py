"""What is done at connected shops besides listening to them, and how far it has come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record, one_of


class Errand(Record):
    """Subscribing to a shop's webhooks, reading all it has, or asking what its webhooks missed."""

    __tablename__ = "errands"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind"),
        one_of("kind", "subscribe", "back_fill", "reconcile"),
        one_of("state", "waiting", "done", "failed"),
        Index("ix_errands_state_due_at", "state", "due_at"),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    kind: Mapped[Code]
    state: Mapped[Code] = mapped_column(default="waiting")
    """Waiting for its next piece, done, or failed until a person changes something."""
    cursor: Mapped[str | None] = mapped_column(String(2000))
    """Where to go on, in the platform's words; None at the beginning."""
    since: Mapped[datetime | None]
    """From when on changes are asked for; None for everything."""
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    """0 to 1."""
    taken: Mapped[int] = mapped_column(default=0)
    """Changes that this round brought."""
    refused: Mapped[int] = mapped_column(default=0)
    """Objects of this round that could not be read."""
    message: Mapped[str] = mapped_column(String(500), default="")
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    fence: Mapped[int] = mapped_column(default=0)
    """Counts the claims: only the newest may record what it brought."""
    due_at: Mapped[datetime]
    """When it is to be done next; while it is being done, when its claim ends."""
    started_at: Mapped[datetime | None]
    """When this round began."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
