"""Beside the belt: experiments are looked at, one at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from automation import cursors
from automation.app import App
from automation.insights.experiments import measuring
from automation.models import Cursor

EVERY = timedelta(minutes=2)
"""Whether there is anything to look at is asked so often at most."""
_NAME = "measure"


def measure(app: App, now: datetime, limit: int) -> int:
    """Look at most at `limit` experiments that are due; the number looked at.

    Counting reads and holds nobody up; what was found is written in a transaction of its own.
    """
    with app.db.read() as session:
        looked = session.get(Cursor, _NAME)
        if looked is not None and timedelta() <= now - looked.at < EVERY:
            return 0
        due = measuring.due(session, now)
    for _, experiment in due[:limit]:
        with app.db.read() as session:
            row = measuring.measure(session, experiment, now)
        with app.db.write() as session:
            measuring.keep(session, row)
    if len(due) <= limit:
        with app.db.write() as session:
            cursors.move(session, _NAME, 0, now)
    return min(len(due), limit)
