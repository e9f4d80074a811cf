"""Which campaigns have somebody who is due: found without a look at those who wait in the others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal_column, select

from automation.models import Campaign, Enrolment

MOVING = ("live", "stopping", "finished")
"""States of a campaign whose customers go on."""
# Spelt as the partial index spells it: with a bound parameter SQLite would not see that it fits.
IS_ACTIVE: Any = literal_column("enrolments.state = 'active'")


def due_campaigns(now: datetime) -> Select[int]:
    """Ids of the campaigns whose customers go on and of whom somebody is due, who has waited longest first.

    One look at an index for each campaign that goes on.
    """
    moving = _first_due()
    return select(moving.c.id).where(moving.c.due_at <= now).order_by(moving.c.due_at)


def longest_due(now: datetime) -> Select[datetime | None]:
    """Since when whoever waits longest for a step that is due has waited; NULL for nobody."""
    moving = _first_due()
    return select(func.min(moving.c.due_at)).where(moving.c.due_at <= now)


def _first_due() -> Any:
    first = (
        select(func.min(Enrolment.due_at))
        .where(IS_ACTIVE, Enrolment.campaign_id == Campaign.id)
        .correlate(Campaign)
        .scalar_subquery()
    )
    return select(Campaign.id, first.label("due_at")).where(Campaign.state.in_(MOVING)).subquery("moving")
