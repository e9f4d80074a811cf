"""Points and tiers: a ledger that is only added to, and what it added up to at each line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record, one_of


class PointsEntry(Record):
    """One line of a customer's points ledger. Never changed: a mistake is put right by another line."""

    __tablename__ = "points_entries"
    __table_args__ = (
        one_of("kind", "earn", "spend", "expire", "adjust", "reverse"),
        CheckConstraint("points <> 0", name="points"),
        CheckConstraint("kind <> 'earn' OR points > 0", name="earned"),
        Index("ix_points_entries_customer_id_at", "customer_id", "at"),
        Index("ix_points_entries_store_id_at", "store_id", "at"),
        Index("ix_points_entries_store_id_expires_at", "store_id", "expires_at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    kind: Mapped[Code]
    points: Mapped[int]
    """Above zero gives, below takes; the balance is the sum."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """Of points that were given: what is left of them then is taken away by an `expire` line."""
    order_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("orders.id"))


class CustomerTier(Record):
    """The tier that a customer has been in since an instant; the newest line is the tier they are in."""

    __tablename__ = "customer_tiers"
    __table_args__ = (
        Index("ix_customer_tiers_customer_id_since", "customer_id", "since"),
        Index("ix_customer_tiers_store_id_since", "store_id", "since"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    tier: Mapped[Code]
    """Empty means none."""
    rank: Mapped[int] = mapped_column(default=0)
    """0 without a tier, and one more with each higher tier: tells a rise from a fall."""
    since: Mapped[datetime]
