"""A customer's tier changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import ColumnElement, String, cast, exists, func, or_, select, true
from sqlalchemy.orm import aliased

from automation.models import CustomerTier
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

TierName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TierReachedSettings(TriggerSettings):
    """Which tiers, and which way."""

    tiers: list[TierName] = Field(default_factory=list, max_length=20, description="Only these; empty means any.")
    direction: Literal["up", "down", "any"] = Field("up", description="Who rises, who falls, or both.")
    delay_hours: float = Field(0, ge=0, le=8760, description="How long after the change.")


class TierReached(Trigger):
    """Starts when a customer comes into a tier, and ends when they leave it again."""

    label = "Tier reached"
    Settings = TierReachedSettings
    subject = "tier"
    nothing = "their tier did not change"

    def occurrences(
        self, settings: TierReachedSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # a tier is reached at one instant
        delay = timedelta(hours=settings.delay_hours)
        came = window.earlier(delay)
        now = window.now
        at, next_one = CustomerTier.since.expression, aliased(CustomerTier)
        return Occurrences(
            source=CustomerTier.__table__,
            store_id=CustomerTier.store_id.expression,
            customer_id=CustomerTier.customer_id.expression,
            key=cast(CustomerTier.id, String()),
            at=at,
            delay=delay,
            subject_id=CustomerTier.id.expression,
            within=(at > came.since) & (at <= came.until),
            conditions={
                "they are still in that tier": ~exists(
                    select(1).where(
                        next_one.customer_id == CustomerTier.customer_id,
                        next_one.since <= now,
                        or_(
                            next_one.since > CustomerTier.since,
                            (next_one.since == CustomerTier.since) & (next_one.id > CustomerTier.id),
                        ),
                    )
                ),
            },
            entry={
                "the tier is one of those meant": CustomerTier.tier.in_(settings.tiers) if settings.tiers else true(),
                "it went the way that is meant": _went(settings.direction),
            },
        )


def _went(direction: str) -> ColumnElement[bool]:
    last = aliased(CustomerTier)
    earlier = (last.since == CustomerTier.since) & (last.id < CustomerTier.id)
    before = (
        select(last.rank)
        .where(last.customer_id == CustomerTier.customer_id, or_(last.since < CustomerTier.since, earlier))
        .order_by(last.since.desc(), last.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rank = func.coalesce(before, 0)
    match direction:
        case "up":
            return CustomerTier.rank > rank
        case "down":
            return CustomerTier.rank < rank
        case _:
            return CustomerTier.rank != rank
