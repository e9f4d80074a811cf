"""One step of keeping recommendations up to date, for the summarise stage."""

from __future__ import annotations

from datetime import datetime

from automation.app import App
from automation.insights.recommendations import checking, counting, partners


def refresh(app: App, now: datetime, limit: int) -> int:
    """Count orders, work out partners, check; rows looked at, 0 when all is up to date.

    What the nightly check looks at does not count: nothing waits for it, so it takes one small step at a time.
    """
    moved = counting.find_new(app, now, limit)
    moved += counting.count(app)
    moved += partners.refresh(app, now)
    checking.check(app, now)
    return moved
