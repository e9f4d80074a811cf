"""A customer's tier changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from sqlalchemy import ColumnElement, String, cast, exists, func, or_, select, true

from automation.models import CustomerTier
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window
from automation.upsert import table_of

_tiers = table_of(CustomerTier).c
_next, _last = (table_of(CustomerTier).alias(name).c for name in ("next", "last"))

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
        at, next_one = _tiers.since, _next
        return Occurrences(
            source=table_of(CustomerTier),
            store_id=_tiers.store_id,
            customer_id=_tiers.customer_id,
            key=cast(_tiers.id, String()),
            at=at,
            delay=delay,
            subject_id=_tiers.id,
            within=(at > came.since) & (at <= came.until),
            conditions={
                "they are still in that tier": ~exists(
                    select(1).where(
                        next_one.customer_id == _tiers.customer_id,
                        next_one.since <= now,
                        or_(
                            next_one.since > _tiers.since,
                            (next_one.since == _tiers.since) & (next_one.id > _tiers.id),
                        ),
                    )
                ),
            },
            entry={
                "the tier is one of those meant": _tiers.tier.in_(settings.tiers) if settings.tiers else true(),
                "it went the way that is meant": _went(settings.direction),
            },
        )


def _went(direction: str) -> ColumnElement[bool]:
    last = _last
    earlier = (last.since == _tiers.since) & (last.id < _tiers.id)
    before = (
        select(last.rank)
        .where(last.customer_id == _tiers.customer_id, or_(last.since < _tiers.since, earlier))
        .order_by(last.since.desc(), last.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rank = func.coalesce(before, 0)
    match direction:
        case "up":
            return _tiers.rank > rank
        case "down":
            return _tiers.rank < rank
        case _:
            return _tiers.rank != rank
