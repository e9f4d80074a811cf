"""What is kept of people of whom nothing is kept, and what is counted where nobody is followed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record


class ErasedPerson(Record):
    """A keyed hash of an address, or of a shop's id, of somebody who was erased: no sync brings them back."""

    __tablename__ = "erased_people"

    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"), primary_key=True)
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    """See `automation.erasing.marks`; without the installation's key it says nothing."""
    suppression: Mapped[Code] = mapped_column(default="")
    """Why the address was suppressed; holds again if they come back by themselves."""
    erased_at: Mapped[datetime]


class HitCount(Record):
    """Clicks and opens of a day where the store follows nobody: how many, never whose."""

    __tablename__ = "hit_counts"
    __table_args__ = (UniqueConstraint("template_version_id", "campaign_id", "type", "link", "on_date"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    template_version_id: Mapped[int] = mapped_column(BigInt, ForeignKey("template_versions.id"))
    campaign_id: Mapped[int] = mapped_column(BigInt, default=0)
    """0 for a mail that no campaign sent."""
    type: Mapped[Code]
    """click or open."""
    link: Mapped[int] = mapped_column(default=0)
    """Number of the link; 0 for an open."""
    on_date: Mapped[date] = mapped_column(Date)
    """UTC."""
    count: Mapped[int] = mapped_column(default=0)
    machine_count: Mapped[int] = mapped_column(default=0)
    """Of those, by programs."""
    last_at: Mapped[datetime]
