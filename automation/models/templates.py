"""Mails as they are written, and the immutable versions that are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record


class Template(Record):
    """A mail: its newest version is what editing starts from and what drafts use."""

    __tablename__ = "templates"
    __table_args__ = (UniqueConstraint("store_id", "name"),)

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[Code]
    """The folder's name under templates/ for the mails that come with Cartwheel."""
    title: Mapped[str] = mapped_column(String(200))
    latest_version_id: Mapped[int | None] = mapped_column(BigInt)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    """Set while it is put away: it is not offered any more, and what sends it goes on."""


class TemplateVersion(Record):
    """What was written and what it compiled to. Never changed: sent messages are shown again from it."""

    __tablename__ = "template_versions"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[Id]
    template_id: Mapped[int] = mapped_column(BigInt, ForeignKey("templates.id"))
    number: Mapped[int]
    subject: Mapped[str] = mapped_column(Text)
    """Jinja source."""
    mjml: Mapped[str] = mapped_column(Text)
    """MJML source with Jinja in it, includes resolved: the only source of the body."""
    html: Mapped[str] = mapped_column(Text)
    """Compiled once: HTML with the Jinja tags back in place and the links rewritten to filters."""
    text: Mapped[str] = mapped_column(Text)
    """The plain-text part, Jinja source."""
    preheader: Mapped[str] = mapped_column(Text, default="")
    links: Mapped[list[Any]] = mapped_column(Json)
    """[{"number", "url", "label"}] in order of appearance; `url` is Jinja source for a dynamic link."""
    names: Mapped[list[str]] = mapped_column(Json)
    """Top-level names that the template uses; only these are loaded and stored per message."""
    warnings: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))


class SavedBlock(Record):
    """A piece of a mail that was kept to be used in others; each use is a copy."""

    __tablename__ = "saved_blocks"
    __table_args__ = (UniqueConstraint("store_id", "name"),)

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(200))
    mjml: Mapped[str] = mapped_column(Text)
    """MJML with Jinja in it: one or more blocks of the same level."""
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))
