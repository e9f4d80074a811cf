"""A store, and its connections to platforms and providers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Store(Record):
    """A brand with its own sender, zone and currency."""

    __tablename__ = "stores"

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(500), default="")
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    sender_email: Mapped[str] = mapped_column(String(320), default="")
    reply_to: Mapped[str] = mapped_column(String(320), default="")
    postal_address: Mapped[str] = mapped_column(String(500), default="")
    """Stands in every mail's footer; a campaign cannot be published without it."""
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    locale: Mapped[str] = mapped_column(String(16), default="en")
    country: Mapped[str | None] = mapped_column(String(2))
    brand: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Logo, colours and fonts, as the mails' layout reads them."""
    policy: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Sending rules that differ from the defaults; see `automation.policy`."""
    loyalty: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    """The loyalty programme, as far as it differs from the defaults; see `automation.loyalty.programme`."""
    storefront: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    """Which pages the storefront snippet may speak from, and what it tells; see `automation.storefront`."""
    consent: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    """Topics, tracking and the law, as far as they differ from the defaults; see `automation.consent_policy`."""
    is_demo: Mapped[bool] = mapped_column(default=False)
    is_paused: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Connection(Record):
    """A configured platform or provider of one store."""

    __tablename__ = "connections"
    __table_args__ = (
        one_of("role", "platform", "provider"),
        one_of("state", "active", "paused", "broken"),
        Index("ix_connections_store_id_role", "store_id", "role"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    """Names the connection in the address its webhooks are posted to: /hooks/<public_id>."""
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    role: Mapped[Code]
    kind: Mapped[Code]
    name: Mapped[str] = mapped_column(String(200))
    secrets: Mapped[bytes] = mapped_column(LargeBinary)
    """The kind's `Settings` as JSON, encrypted and bound to `public_id`; see `automation.security`."""
    state: Mapped[Code] = mapped_column(default="active")
    state_reason: Mapped[str] = mapped_column(String(500), default="")
    is_default: Mapped[bool] = mapped_column(default=False)
    """True for the provider that the store's mails leave through."""
    not_before: Mapped[datetime | None]
    """A provider that asked us to wait is left alone until then."""
    pacing: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    """Rate, warm-up and what it does for other connections, as far as it differs; see `automation.pacing`."""
    down_since: Mapped[datetime | None]
    """Since when nothing could leave through it; None while it works."""
    standing_in_since: Mapped[datetime | None]
    """Since when it sends what others should: they are down."""
    created_at: Mapped[datetime]
    last_heard_at: Mapped[datetime | None]


class TopicCount(Record):
    """How often each webhook topic came in on a connection, known to us or not."""

    __tablename__ = "topic_counts"

    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"), primary_key=True)
    topic: Mapped[str] = mapped_column(String(128), primary_key=True)
    is_known: Mapped[bool]
    count: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


class InboundWebhook(Record):
    """What a platform or provider posted, verified and stored before it is processed."""

    __tablename__ = "inbound_webhooks"
    __table_args__ = (
        UniqueConstraint("connection_id", "delivery_id"),
        one_of("state", "bare", "received", "processed", "ignored", "failed"),
        Index(
            "ix_inbound_webhooks_due",
            "id",
            postgresql_where=text("state = 'received'"),
            sqlite_where=text("state = 'received'"),
        ),
        Index(
            "ix_inbound_webhooks_bare",
            "id",
            postgresql_where=text("state = 'bare'"),
            sqlite_where=text("state = 'bare'"),
        ),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    delivery_id: Mapped[str] = mapped_column(String(128))
    """The sender's id of this delivery, or a hash of the body where it has none: the dedupe key."""
    topic: Mapped[str] = mapped_column(String(128))
    triggered_at: Mapped[datetime | None]
    """When it happened, by the sender's word."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[Code] = mapped_column(default="received")
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(1000), default="")
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """One that is bare names an object only; it is not looked up before then."""
