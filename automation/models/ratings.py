"""What customers think, in a number and in words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record, one_of


class Rating(Record):
    """The score that the reader of one mail gave, and what they wrote with it. A later score takes its place."""

    __tablename__ = "ratings"
    __table_args__ = (
        UniqueConstraint("message_id"),
        CheckConstraint("score BETWEEN 0 AND 10", name="score"),
        one_of("stage", "awareness", "consideration", "acquisition", "service", "loyalty"),
        Index("ix_ratings_store_id_at", "store_id", "at"),
        Index("ix_ratings_customer_id_at", "customer_id", "at"),
        Index("ix_ratings_campaign_id_at", "campaign_id", "at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    message_id: Mapped[int] = mapped_column(BigInt, ForeignKey("messages.id"))
    campaign_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("campaigns.id"))
    stage: Mapped[Code]
    """Of the customer's journey: where the mail met them."""
    score: Mapped[int]
    """0 to 10."""
    comment: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    """When the score that holds was given."""
    commented_at: Mapped[datetime | None]
