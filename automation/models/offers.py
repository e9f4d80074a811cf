"""Offers, the codes that stand for them, and whom they were refused to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Offer(Record):
    """A discount that a store gives by code: what it is worth, and who may have it how often."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("store_id", "name"),
        one_of("kind", "percent", "amount", "shipping"),
        one_of("supply", "shared", "pool", "shop"),
        Index("ix_offers_look_at", "look_at", **_where("is_active")),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(64))
    """What flows and rewards call it."""
    label: Mapped[str] = mapped_column(String(200))
    """As mails show it: “10 % off your next order”."""
    kind: Mapped[Code]
    value: Mapped[int] = mapped_column(BigInt, default=0)
    """Percent, or minor units of `currency`; nothing for free shipping."""
    currency: Mapped[str] = mapped_column(String(3))
    minimum: Mapped[int | None] = mapped_column(BigInt)
    """Minor units that an order must come to."""
    ends_at: Mapped[datetime | None]
    """No code is good after this."""
    valid_days: Mapped[int | None]
    """Whole days that a customer has; the code is good to the end of the last one, in the store's zone."""
    supply: Mapped[Code]
    """One `shared` code for all, a `pool` of imported or generated ones, or codes made in the `shop` ahead of time."""
    shared_code: Mapped[str] = mapped_column(String(64), default="")
    prefix: Mapped[str] = mapped_column(String(16), default="")
    """Every generated code begins with it."""
    keep_ahead: Mapped[int] = mapped_column(default=200)
    """Free codes to keep in stock, where the shop makes them."""
    low_stock: Mapped[int] = mapped_column(default=50)
    """Fewer free codes than this are an alert."""
    connection_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("connections.id"))
    guard: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """`automation.offers.terms.Guard` as JSON, as far as it differs from the defaults."""
    is_active: Mapped[bool] = mapped_column(default=True)
    look_at: Mapped[datetime]
    """When its stock is looked at next."""
    low_since: Mapped[datetime | None]
    """Set while fewer than `low_stock` codes are free."""
    trouble: Mapped[str] = mapped_column(String(500), default="")
    """Why the shop made no codes the last time."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OfferCode(Record):
    """One code, and whose it is. Of a shared code there is a row for each customer who has it.

    making → free → reserved (held for a run, a message, a reward) → given (the mail left) → redeemed | expired
                └─ void (withdrawn)     └→ free again, when no mail with it left
    """

    __tablename__ = "offer_codes"
    __table_args__ = (
        one_of("state", "making", "free", "reserved", "given", "redeemed", "expired", "void"),
        Index("uq_offer_codes_code", "store_id", "code_key", unique=True, **_where("NOT is_shared")),
        Index("uq_offer_codes_holder", "offer_id", "holder", unique=True, **_where("holder IS NOT NULL")),
        Index("ix_offer_codes_code_key", "store_id", "code_key"),
        Index("ix_offer_codes_free", "offer_id", "id", **_where("state = 'free'")),
        Index("ix_offer_codes_making", "offer_id", "id", **_where("state = 'making'")),
        Index("ix_offer_codes_look_at", "look_at", **_where("state IN ('reserved', 'given')")),
        Index("ix_offer_codes_customer_id", "customer_id", "issued_at"),
        Index("ix_offer_codes_enrolment_id", "enrolment_id", **_where("enrolment_id IS NOT NULL")),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    offer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("offers.id"))
    code: Mapped[str] = mapped_column(String(64))
    code_key: Mapped[str] = mapped_column(String(64))
    """Its normal form: shops take codes in any case."""
    is_shared: Mapped[bool] = mapped_column(default=False)
    state: Mapped[Code] = mapped_column(default="free")
    holder: Mapped[str | None] = mapped_column(String(100))
    """What it is held for, as text: `enrolment:12`, `redemption:k3…`. Asked again, the same holder gets the same."""
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    enrolment_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("enrolments.id"))
    issued_at: Mapped[datetime | None]
    """When it was reserved for its holder."""
    expires_at: Mapped[datetime | None]
    """The first instant at which it is no longer good."""
    look_at: Mapped[datetime | None]
    """When to see whether its mail left or it has expired; for `making`, when to try again."""
    redeemed_at: Mapped[datetime | None]
    order_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("orders.id"))
    redeemed_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    """The customer of the order; perhaps not the one it was given to."""
    message_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("messages.id"))
    """The mail that brought it."""
    created_at: Mapped[datetime]


class OfferRefusal(Record):
    """A customer who went without an offer, and why. Never changed."""

    __tablename__ = "offer_refusals"
    __table_args__ = (
        Index("ix_offer_refusals_customer_id", "customer_id", "at"),
        Index("ix_offer_refusals_offer_id", "offer_id", "at"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    offer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("offers.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    enrolment_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("enrolments.id"))
    holder: Mapped[str] = mapped_column(String(100))
    reason: Mapped[Code]
    """A code of `automation.offers.REASONS`."""
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[datetime]
