"""What a flow wants told outside the mails: to the people who run the store, and to other systems."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record, one_of


class Notice(Record):
    """A line for the admins of a store: a customer came to a point at which a person should know."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("enrolment_id", "step_id", "round"),
        Index("ix_notices_store_id_created_at", "store_id", "created_at"),
        Index(
            "ix_notices_open",
            "store_id",
            "id",
            postgresql_where=text("read_at IS NULL"),
            sqlite_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    enrolment_id: Mapped[int] = mapped_column(BigInt, ForeignKey("enrolments.id"))
    step_id: Mapped[str] = mapped_column(String(64))
    round: Mapped[int] = mapped_column(SmallInteger, default=1)
    admin_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))
    """None is for everybody who may see the store."""
    text: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class OutboundWebhook(Record):
    """A request to another system, kept until it is taken or given up. Its body never changes between attempts."""

    __tablename__ = "outbound_webhooks"
    __table_args__ = (
        UniqueConstraint("enrolment_id", "step_id", "round"),
        one_of("state", "waiting", "sent", "failed"),
        Index(
            "ix_outbound_webhooks_due_at",
            "due_at",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
        Index("ix_outbound_webhooks_store_id_created_at", "store_id", "created_at"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40), unique=True)
    """Travels as `webhook-id`, the same at every attempt: by it the receiver knows a repetition."""
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    campaign_id: Mapped[int] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    enrolment_id: Mapped[int] = mapped_column(BigInt, ForeignKey("enrolments.id"))
    step_id: Mapped[str] = mapped_column(String(64))
    round: Mapped[int] = mapped_column(SmallInteger, default=1)
    url: Mapped[str] = mapped_column(String(2000))
    body: Mapped[str] = mapped_column(Text)
    """JSON, as it is signed and sent."""
    state: Mapped[Code] = mapped_column(default="waiting")
    due_at: Mapped[datetime]
    """When to try next; while it is being sent, when to take it for lost."""
    fence: Mapped[int] = mapped_column(default=0)
    """Goes up at every claim; a worker that was too slow cannot write with an old one."""
    attempt_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[int | None]
    """Of the last answer."""
    detail: Mapped[str] = mapped_column(String(500), default="")
    """What went wrong last, in words; never what the other side answered."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
