"""How the machine itself is doing: signs of life, leadership, long work, and what people asked for by law."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Installation(Record):
    """The one row of facts about this installation."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    instance_id: Mapped[str] = mapped_column(String(32))
    is_paused: Mapped[bool] = mapped_column(default=False)
    """True stops all sending."""
    created_at: Mapped[datetime]


class Heartbeat(Record):
    """When a loop last went round."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class Lease(Record):
    """Who leads: only the holder of the newest term acts, and only until `until`."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    term: Mapped[int] = mapped_column(BigInt)
    until: Mapped[datetime]


class Job(Record):
    """Long work that somebody watches: loading the demo, an import, a fast-forward."""

    __tablename__ = "jobs"
    __table_args__ = (one_of("state", "waiting", "running", "done", "failed"),)

    id: Mapped[Id]
    kind: Mapped[Code]
    state: Mapped[Code] = mapped_column(default="waiting")
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    """0 to 1."""
    message: Mapped[str] = mapped_column(String(500), default="")
    arguments: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PrivacyRequest(Record):
    """A request for access or erasure that a platform passed on; the law gives 30 days."""

    __tablename__ = "privacy_requests"
    __table_args__ = (
        one_of("kind", "access", "erasure", "store_erasure"),
        Index(
            "ix_privacy_requests_open",
            "id",
            postgresql_where=text("done_at IS NULL"),
            sqlite_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    kind: Mapped[Code]
    external_id: Mapped[str] = mapped_column(String(128), default="")
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
