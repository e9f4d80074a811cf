"""Who may use the admin pages and the API, and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Admin(Record):
    """A person who runs the store."""

    __tablename__ = "admins"
    __table_args__ = (one_of("role", "owner", "manager", "editor", "viewer"),)

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """Lower case."""
    name: Mapped[str] = mapped_column(String(200), default="")
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    """argon2id; empty until a password is set."""
    role: Mapped[Code] = mapped_column(default="owner")
    timezone: Mapped[str | None] = mapped_column(String(64))
    is_disabled: Mapped[bool] = mapped_column(default=False)
    wants_mails: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Of what a person should see to, beside the home page."""
    wants_mails_since: Mapped[datetime | None]
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The secret of their second step, encrypted and bound to the row; see `automation.actions.second_step`."""
    totp_on_at: Mapped[datetime | None]
    """Since when it is asked for; None while it is only being set up."""
    totp_last_step: Mapped[int] = mapped_column(BigInt, default=0, server_default="0")
    """Of the last code that was taken: none is taken twice."""
    recovery_hashes: Mapped[list[str] | None] = mapped_column(Json)
    """Of the codes that are left for a lost device."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]


class AdminSession(Record):
    """A log-in on one device. The cookie holds the id, the table its hash."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_admin_id", "admin_id"),)

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    admin_id: Mapped[int] = mapped_column(BigInt, ForeignKey("admins.id"))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    ip: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(500), default="")


class LoginLink(Record):
    """A link that logs its admin in once."""

    __tablename__ = "login_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    admin_id: Mapped[int] = mapped_column(BigInt, ForeignKey("admins.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginFailure(Record):
    """A failed log-in, for slowing down guesses by address and by origin."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_subject_at", "subject", "at"),)

    id: Mapped[Id]
    subject: Mapped[str] = mapped_column(String(320))
    """email:… or ip:…"""
    at: Mapped[datetime]


class ApiKey(Record):
    """A key for the JSON API: shown once, kept as a hash."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    """The `api` platform connection whose news it brings."""
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    """What it may do: customers:write, events:write, carts:write, orders:write, products:write, due_items:write …"""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Record):
    """What an admin did. Never changed."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_at", "at"),)

    id: Mapped[Id]
    admin_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))
    action: Mapped[Code]
    """campaign.published, connection.created, customer.erased …"""
    object_id: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[datetime]
