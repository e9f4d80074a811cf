"""Sign-up forms, who filled them in, and whose browser a storefront's visitor is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Form(Record):
    """A form by which people sign up."""

    __tablename__ = "forms"
    __table_args__ = (one_of("state", "draft", "live", "archived"), Index("ix_forms_store_id", "store_id"))

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    """Names the form in its addresses: /f/<public_id>."""
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[Code] = mapped_column(default="draft")
    version_id: Mapped[int | None] = mapped_column(BigInt)
    """The newest version, which is the one that is shown."""
    held_at: Mapped[datetime | None]
    """When it last turned people away because too many came at once."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class FormVersion(Record):
    """A form as it was shown: what people agreed to must be found again word for word. Never changed."""

    __tablename__ = "form_versions"
    __table_args__ = (UniqueConstraint("form_id", "number"),)

    id: Mapped[Id]
    form_id: Mapped[int] = mapped_column(BigInt, ForeignKey("forms.id"))
    number: Mapped[int]
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    """`automation.signup.definition.FormDefinition` as JSON."""
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(BigInt)


class FormDay(Record):
    """How often a form was looked at on a day, and how often it turned somebody away. Nobody is followed for it."""

    __tablename__ = "form_days"

    form_id: Mapped[int] = mapped_column(BigInt, ForeignKey("forms.id"), primary_key=True)
    on_date: Mapped[date] = mapped_column(Date, primary_key=True)
    """UTC."""
    views: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    unconfirmed: Mapped[int] = mapped_column(default=0, server_default="0")
    """Sign-ups of that day which nobody confirmed; of who they were nothing is kept any more."""


class SignUp(Record):
    """One time that somebody filled in a form; what they typed becomes true once they confirm it."""

    __tablename__ = "sign_ups"
    __table_args__ = (
        one_of("state", "pending", "confirmed"),
        Index("ix_sign_ups_form_id_created_at", "form_id", "created_at"),
        Index("ix_sign_ups_customer_id_created_at", "customer_id", "created_at"),
        Index("ix_sign_ups_store_id_created_at", "store_id", "created_at"),
        Index("ix_sign_ups_store_id_ip_created_at", "store_id", "ip", "created_at"),
        Index("ix_sign_ups_store_id_domain_created_at", "store_id", "domain", "created_at"),
        Index(
            "ix_sign_ups_pending",
            "created_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    form_id: Mapped[int] = mapped_column(BigInt, ForeignKey("forms.id"))
    version_id: Mapped[int] = mapped_column(BigInt, ForeignKey("form_versions.id"))
    """The version that was filled in, with the wording that was agreed to."""
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    domain: Mapped[str] = mapped_column(String(255))
    """Of the address: a domain is protected from floods, too."""
    topics: Mapped[list[str]] = mapped_column(Json, default=list)
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """{"first_name", "last_name", "birthday_month", "birthday_day"}, as far as they were typed."""
    ip: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(500), default="")
    page: Mapped[str] = mapped_column(String(500), default="")
    """Address of the page that the form stood on, without its query."""
    visitor: Mapped[str] = mapped_column(String(64), default="")
    """The storefront's id of the browser, where its owner agreed to have one."""
    state: Mapped[Code] = mapped_column(default="pending")
    mails: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Confirmation mails of this sign-up."""
    mailed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class Visitor(Record):
    """A browser at the storefront, and the customer who told us so in it."""

    __tablename__ = "visitors"
    __table_args__ = (Index("ix_visitors_customer_id", "customer_id"),)

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Random, made by the storefront snippet once its visitor has agreed."""
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    known_at: Mapped[datetime]
