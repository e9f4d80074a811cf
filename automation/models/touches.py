"""How customers came, order by order and person by person, and which rules orders are attributed by.

All of it is derived: `automation.stages.attribute` works it out of what shops, pages and mails told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text, true
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Record


class OrderTouch(Record):
    """What brought an order: the last thing that is known before it. One row for every order that was looked at."""

    __tablename__ = "order_touches"

    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    channel: Mapped[Code]
    """One of `automation.insights.touches.channels.CHANNELS`."""
    source: Mapped[str] = mapped_column(String(200), default="")
    medium: Mapped[str] = mapped_column(String(200), default="")
    campaign: Mapped[str] = mapped_column(String(200), default="")
    """The three of the link's utm_ parameters."""
    referrer: Mapped[str] = mapped_column(String(200), default="")
    """Host of the page before the shop's; empty where that was the shop's own."""
    device: Mapped[Code] = mapped_column(default="")
    """desktop, mobile, tablet, or empty."""
    country: Mapped[str | None] = mapped_column(String(2))
    """Where the order itself told one; else its customer's counts."""


class CustomerTouch(Record):
    """How a customer came first, and how last."""

    __tablename__ = "customer_touches"
    __table_args__ = (
        Index(
            "ix_customer_touches_stale",
            "customer_id",
            postgresql_where=text("is_stale"),
            sqlite_where=text("is_stale"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    is_stale: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Something was told of them since it was worked out."""
    first_at: Mapped[datetime | None]
    first_channel: Mapped[Code] = mapped_column(default="unknown", server_default="unknown")
    first_source: Mapped[str] = mapped_column(String(200), default="", server_default="")
    first_medium: Mapped[str] = mapped_column(String(200), default="", server_default="")
    first_campaign: Mapped[str] = mapped_column(String(200), default="", server_default="")
    first_referrer: Mapped[str] = mapped_column(String(200), default="", server_default="")
    first_device: Mapped[Code] = mapped_column(default="", server_default="")
    last_at: Mapped[datetime | None]
    last_channel: Mapped[Code] = mapped_column(default="unknown", server_default="unknown")
    last_source: Mapped[str] = mapped_column(String(200), default="", server_default="")
    last_medium: Mapped[str] = mapped_column(String(200), default="", server_default="")
    last_campaign: Mapped[str] = mapped_column(String(200), default="", server_default="")
    last_referrer: Mapped[str] = mapped_column(String(200), default="", server_default="")
    last_device: Mapped[Code] = mapped_column(default="", server_default="")


class Attribution(Record):
    """The rules by which a store's orders are attributed now, and how far a change of them has come."""

    __tablename__ = "attributions"
    __table_args__ = (CheckConstraint("seconds >= 0 AND wanted_seconds >= 0", name="seconds"),)

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True, autoincrement=False)
    seconds: Mapped[int] = mapped_column(BigInt)
    """How long a click counts. What the figures that are shown were worked out with."""
    opens: Mapped[bool]
    wanted_seconds: Mapped[int] = mapped_column(BigInt)
    """What the store's settings said when the present change began; the same as above while there is none."""
    wanted_opens: Mapped[bool]
    position: Mapped[int | None] = mapped_column(BigInt)
    """Id of the last order that was looked at again; None while nothing changes."""
    last: Mapped[int] = mapped_column(BigInt, default=0)
    """Id of the last order there was when the change began, to tell how far it is."""
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class NextConversion(Record):
    """An order whose attribution will be another one once a change of the rules has gone through all orders."""

    __tablename__ = "next_conversions"

    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(BigInt)
    message_id: Mapped[int | None] = mapped_column(BigInt)
    """None: the order will count for no mail."""
    event_id: Mapped[int | None] = mapped_column(BigInt)
    kind: Mapped[Code] = mapped_column(default="click")
    link: Mapped[int | None]
    clicked_at: Mapped[datetime | None]
    at: Mapped[datetime]


CREDIT = ("order_id", "store_id", "campaign_id", "message_id", "event_id", "kind", "link", "clicked_at", "at")
"""Columns that a conversion and the next one share."""


def credit(row: Any) -> dict[str, Any]:
    """Of a conversion, what makes it the one it is."""
    return {name: getattr(row, name) for name in CREDIT}
