"""One step of keeping what is expected of customers up to date, for the summarise stage."""

from __future__ import annotations

from datetime import datetime

from automation.app import App
from automation.insights.value import checking, finding, fitting, scoring


def refresh(app: App, now: datetime, limit: int, *, is_resting: bool) -> int:
    """Find who has changed, work out who is due, check; rows looked at, 0 when all is up to date.

    Models are fitted only when `is_resting`: not to half of a crowd that is on its way in. What the nightly check
    looks at does not count: nothing waits for it, so it takes one small step at a time.
    """
    moved = finding.find(app, now, limit)
    moved += scoring.score_due(app, now, limit)
    if is_resting:
        moved += fitting.refit(app, now)
    checking.check(app, now)
    return moved
