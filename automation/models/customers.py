"""The small CRM: customers, who they are elsewhere, what they agreed to, and who must not be mailed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, event, func, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, ddl, one_of


class Customer(Record):
    """Somebody a store knows. Merged, erased and guest customers stay rows, so that history keeps its owner."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("store_id", "email_key"),
        CheckConstraint("birthday_month BETWEEN 1 AND 12", name="birthday_month"),
        CheckConstraint("birthday_day BETWEEN 1 AND 31", name="birthday_day"),
        CheckConstraint("most_per_week > 0", name="most_per_week"),
        CheckConstraint("most_per_month > 0", name="most_per_month"),
        Index("ix_customers_store_id_created_at", "store_id", "created_at"),
        Index("ix_customers_birthday", "store_id", "birthday_month", "birthday_day"),
        Index("ix_customers_store_id_timezone", "store_id", "timezone"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    email: Mapped[str | None] = mapped_column(String(320))
    """As it was given."""
    email_key: Mapped[str | None] = mapped_column(String(320))
    """Its unique normal form; see `automation.addresses`."""
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    phone: Mapped[str] = mapped_column(String(64), default="")
    locale: Mapped[str | None] = mapped_column(String(16))
    timezone: Mapped[str | None] = mapped_column(String(64))
    """None means the store's."""
    country: Mapped[str | None] = mapped_column(String(2))
    region: Mapped[str | None] = mapped_column(String(64))
    city: Mapped[str | None] = mapped_column(String(200))
    postcode: Mapped[str | None] = mapped_column(String(32))
    currency: Mapped[str | None] = mapped_column(String(3))
    birthday_month: Mapped[int | None]
    birthday_day: Mapped[int | None]
    birthday_year: Mapped[int | None]
    tags: Mapped[list[str]] = mapped_column(Json, default=list)
    own_tags: Mapped[list[Any] | None] = mapped_column(Json)
    """What flows said of tags, [["gold", true], ["new", false]]; it stands above a shop's; see `automation.tags`."""
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    notes: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """How they came: {"channel", "utm": {...}, "referrer", "landing", "device"}, of the first touch."""
    engaged_at: Mapped[datetime | None]
    """Their last click, order or visit; opens do not count."""
    paused_until: Mapped[datetime | None]
    """They want no lifecycle or promotional mail before this instant."""
    most_per_week: Mapped[int | None]
    """They want at most so many such mails in a week; None leaves it to the store."""
    most_per_month: Mapped[int | None]
    """The same for a calendar month."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    external_updated_at: Mapped[datetime | None]
    """The newest state any platform told us; older news than this loses."""
    imported_at: Mapped[datetime | None]
    """Set on whom a file made known; they are greeted only where that is asked for."""
    erased_at: Mapped[datetime | None]


# The beginnings of names and addresses, for the search; outside the C locale PostgreSQL must be told what for.
Index(
    "ix_customers_first_name",
    Customer.store_id,
    func.lower(Customer.first_name).label("first"),
    postgresql_ops={"first": "text_pattern_ops"},
)
Index(
    "ix_customers_last_name",
    Customer.store_id,
    func.lower(Customer.last_name).label("last"),
    postgresql_ops={"last": "text_pattern_ops"},
)
Index(
    "ix_customers_email_key",
    Customer.store_id,
    Customer.email_key,
    postgresql_ops={"email_key": "text_pattern_ops"},
).ddl_if("postgresql")


class SpecialDate(Record):
    """A date that a customer named: a wedding day, a pet's birthday. Comes round every year."""

    __tablename__ = "special_dates"
    __table_args__ = (
        UniqueConstraint("customer_id", "name"),
        CheckConstraint("month BETWEEN 1 AND 12", name="month"),
        CheckConstraint("day BETWEEN 1 AND 31", name="day"),
        Index("ix_special_dates_store_id_name", "store_id", "name", "month", "day"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    name: Mapped[Code]
    month: Mapped[int]
    day: Mapped[int]
    year: Mapped[int | None]
    """None where only the day is known."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class FormerAddress(Record):
    """An address that a customer had before. By it their old traces are found when they ask what is held or want it
    erased, and nobody brings them back by it afterwards.
    """

    __tablename__ = "former_addresses"

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True)
    email_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    left_at: Mapped[datetime]
    """When we were told of the new one."""


class Identity(Record):
    """What a connected platform calls a customer."""

    __tablename__ = "identities"
    __table_args__ = (Index("ix_identities_customer_id", "customer_id"),)

    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))


class Consent(Record):
    """One line of the consent ledger: who agreed to what, when, where and by which words. Never changed."""

    __tablename__ = "consents"
    __table_args__ = (
        one_of("status", "granted", "withdrawn", "pending"),
        one_of("basis", "express", "implied"),
        Index("ix_consents_customer_id_topic_id", "customer_id", "topic", "id"),
        Index(
            "ix_consents_granted",
            "store_id",
            "topic",
            "at",
            postgresql_where=text("status = 'granted'"),
            sqlite_where=text("status = 'granted'"),
        ),
        Index(
            "ix_consents_withdrawn",
            "store_id",
            "topic",
            "at",
            postgresql_where=text("status = 'withdrawn'"),
            sqlite_where=text("status = 'withdrawn'"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    topic: Mapped[Code]
    """What it is about; `marketing` is every store's first topic."""
    status: Mapped[Code]
    source: Mapped[Code]
    """form, import, import_welcomed, platform, api, unsubscribe, complaint, admin, demo, purchase, inquiry, expiry."""
    basis: Mapped[Code] = mapped_column(default="express", server_default="express")
    """express, or implied by dealings with the store where the law lets that count for a while."""
    expires_at: Mapped[datetime | None]
    """When an implied consent ends; an express one never does."""
    wording: Mapped[str] = mapped_column(Text, default="")
    ip: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(500), default="")
    message_id: Mapped[int | None] = mapped_column(BigInt)
    detail: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime]
    """When the customer did it."""
    recorded_at: Mapped[datetime]


class ConsentState(Record):
    """The ledger's newest line per customer and topic (by `at`, then by what protects more)."""

    __tablename__ = "consent_states"
    __table_args__ = (
        one_of("status", "granted", "withdrawn", "pending"),
        Index("ix_consent_states_store_id_topic_status", "store_id", "topic", "status", "customer_id"),
        Index(
            "ix_consent_states_expires_at",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL"),
            sqlite_where=text("expires_at IS NOT NULL"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True)
    topic: Mapped[str] = mapped_column(String(64), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    status: Mapped[Code]
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """When a consent that was only implied ends."""
    consent_id: Mapped[int] = mapped_column(BigInt, ForeignKey("consents.id"))


class Suppression(Record):
    """An address that a store must not mail, whoever owns it. No import lifts it; an admin may, save a complaint."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("store_id", "email_key"),
        one_of("reason", "hard_bounce", "soft_bounces", "complaint", "provider", "manual", "erased"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    email_key: Mapped[str] = mapped_column(String(320))
    reason: Mapped[Code]
    detail: Mapped[str] = mapped_column(String(500), default="")
    message_id: Mapped[int | None] = mapped_column(BigInt)
    at: Mapped[datetime]


class Segment(Record):
    """A named rule over customers."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("store_id", "name"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    rule: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SegmentMember(Record):
    """A customer's stay in a segment that a live campaign watches; see `automation.memberships`."""

    __tablename__ = "segment_members"
    __table_args__ = (
        Index(
            "uq_segment_members_staying",
            "segment_id",
            "customer_id",
            unique=True,
            postgresql_where=text("left_at IS NULL"),
            sqlite_where=text("left_at IS NULL"),
        ),
        Index("ix_segment_members_segment_id_entered_at", "segment_id", "entered_at"),
        Index("ix_segment_members_segment_id_left_at", "segment_id", "left_at"),
        Index("ix_segment_members_customer_id", "customer_id"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    segment_id: Mapped[int] = mapped_column(BigInt, ForeignKey("segments.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    entered_at: Mapped[datetime | None]
    """None for whom was in it already when watching began."""
    left_at: Mapped[datetime | None]


# The ledger is append-only in the database itself. Erasure may blank who and where, never what and when.
_FROZEN = "store_id, customer_id, topic, status, source, basis, expires_at, wording, at, recorded_at"
for _statement in (
    f"CREATE TRIGGER consents_keep BEFORE UPDATE OF {_FROZEN} ON consents "
    "BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END",
    "CREATE TRIGGER consents_stay BEFORE DELETE ON consents "
    "BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END",
):
    event.listen(Consent.__table__, "after_create", ddl(_statement, "sqlite"))
for _statement in (
    "CREATE OR REPLACE FUNCTION consents_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the consent ledger is append-only'; END $$",
    f"CREATE TRIGGER consents_keep BEFORE UPDATE OF {_FROZEN} ON consents "
    "FOR EACH ROW EXECUTE FUNCTION consents_are_kept()",
    "CREATE TRIGGER consents_stay BEFORE DELETE ON consents FOR EACH ROW EXECUTE FUNCTION consents_are_kept()",
):
    event.listen(Consent.__table__, "after_create", ddl(_statement, "postgresql"))
