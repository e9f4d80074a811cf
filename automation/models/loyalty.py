"""Points, tiers, rewards and referrals: a ledger that is only added to, and what follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Money, Record, ddl, one_of


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


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
        Index("ix_points_entries_order_id", "order_id", **_where("order_id IS NOT NULL")),
        Index("uq_points_entries_key", "store_id", "key", unique=True, **_where("key IS NOT NULL")),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    """The one thing that may change: a merged customer's ledger goes over whole."""
    kind: Mapped[Code]
    points: Mapped[int]
    """Above zero gives, below takes; the balance is the sum."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """Of points that were given: what is left of them then is taken away by an `expire` line. Of a `reverse` line:
    that of the line it takes back."""
    order_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("orders.id"))
    key: Mapped[str | None] = mapped_column(String(160))
    """What the line is for: `order:12`, `birthday:7:2026`. The same is never written twice."""
    admin_id: Mapped[int | None] = mapped_column(BigInt)
    """Row id of the admin who adjusted."""


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


class LoyaltyAccount(Record):
    """Where a customer stands in the programme: follows from ledger and orders; locked while they are added to."""

    __tablename__ = "loyalty_accounts"
    __table_args__ = (
        UniqueConstraint("referral_code"),
        Index("ix_loyalty_accounts_due_at", "due_at", **_where("due_at IS NOT NULL")),
        Index("ix_loyalty_accounts_store_id_rank", "store_id", "rank"),
        Index("ix_loyalty_accounts_store_id_balance", "store_id", "balance", "customer_id"),
    )

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    balance: Mapped[int] = mapped_column(BigInt, default=0)
    """The ledger's sum, written by whoever adds to it."""
    tier: Mapped[Code] = mapped_column(default="")
    rank: Mapped[int] = mapped_column(default=0)
    spend: Mapped[Money] = mapped_column(default=0)
    """What the tier rests on: minor units of the store's currency within the programme's window."""
    fell_at: Mapped[datetime | None]
    """Since when the spend is too little for the tier; the tier is kept for the grace."""
    due_at: Mapped[datetime | None]
    """When something changes by itself: points expire, an order leaves the window, the grace ends."""
    referral_code: Mapped[str | None] = mapped_column(String(16))


class Reward(Record):
    """What points can be spent on: a code of an offer, or a note to whoever packs the next parcel."""

    __tablename__ = "rewards"
    __table_args__ = (UniqueConstraint("store_id", "name"), CheckConstraint("points > 0", name="points"))

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(200))
    points: Mapped[int]
    offer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("offers.id"))
    note: Mapped[str] = mapped_column(String(500), default="")
    """What the customer reads, and the store does, where there is no code."""
    least_rank: Mapped[int] = mapped_column(default=0)
    """Only for customers of this tier and above."""
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Redemption(Record):
    """A reward that a customer took: the line that paid for it, and the code it gave."""

    __tablename__ = "redemptions"
    __table_args__ = (
        UniqueConstraint("store_id", "key"),
        Index("ix_redemptions_customer_id", "customer_id", "at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    reward_id: Mapped[int] = mapped_column(BigInt, ForeignKey("rewards.id"))
    entry_id: Mapped[int] = mapped_column(BigInt, ForeignKey("points_entries.id"))
    code_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("offer_codes.id"))
    key: Mapped[str] = mapped_column(String(64))
    """Drawn when the form was shown: sent twice, it is redeemed once."""
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    """When the store did what a note promises; at once for a code."""


class Referral(Record):
    """A friend that a customer brought, or is said to have brought."""

    __tablename__ = "referrals"
    __table_args__ = (
        UniqueConstraint("store_id", "friend_key"),
        one_of("state", "pending", "approved", "suspected", "rejected"),
        Index("ix_referrals_referrer_id", "referrer_id", "created_at"),
        Index("ix_referrals_due_at", "due_at", **_where("due_at IS NOT NULL")),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    referrer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    friend_key: Mapped[str] = mapped_column(String(320))
    """Normal form of the address that the friend gave."""
    friend_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    state: Mapped[Code] = mapped_column(default="pending")
    signals: Mapped[list[str]] = mapped_column(Json, default=list)
    """Codes of `automation.loyalty.referrals.SIGNALS`: why it is suspected or rejected."""
    ip: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(500), default="")
    order_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("orders.id"))
    """The friend's first order."""
    due_at: Mapped[datetime | None]
    """When the order can no longer be sent back, and the referral is decided."""
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))


# The ledger is append-only in the database itself; only its owner may change, when customers are merged.
_FROZEN = "id, store_id, kind, points, reason, at, expires_at, order_id, key, admin_id"
for _statement in (
    f"CREATE TRIGGER points_entries_keep BEFORE UPDATE OF {_FROZEN} ON points_entries "
    "BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END",
    "CREATE TRIGGER points_entries_stay BEFORE DELETE ON points_entries "
    "BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END",
):
    event.listen(PointsEntry.__table__, "after_create", ddl(_statement, "sqlite"))
for _statement in (
    "CREATE OR REPLACE FUNCTION points_entries_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the points ledger is append-only'; END $$",
    f"CREATE TRIGGER points_entries_keep BEFORE UPDATE OF {_FROZEN} ON points_entries "
    "FOR EACH ROW EXECUTE FUNCTION points_entries_are_kept()",
    "CREATE TRIGGER points_entries_stay BEFORE DELETE ON points_entries "
    "FOR EACH ROW EXECUTE FUNCTION points_entries_are_kept()",
):
    event.listen(PointsEntry.__table__, "after_create", ddl(_statement, "postgresql"))
