"""Beside the belt: each day that is over is counted, and held against what is usual."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from automation import alerts, cursors
from automation.app import App
from automation.insights import daily
from automation.insights.journey import watching
from automation.models import Cursor, Store
from automation.times import local_date

SETTLES = timedelta(hours=2)
"""What happened on a day is reported until so long after it."""
FRESH = timedelta(days=2)
"""Days that are older when they are counted (after downtime, or at the first start) give no alerts."""
_NAME = "warn"


def warn(app: App, now: datetime, limit: int) -> int:
    """Count at most `limit` days that are over, and leave alerts for the newest of them; the number of days.

    At first it goes back over the weeks that are needed to know what is usual. A day costs what was sent and sold on
    it, whatever the number of customers.
    """
    with app.db.read() as session:
        due = [
            (store.id, first, last)
            for store in session.scalars(select(Store).order_by(Store.id))
            if (last := _last(store, now)) >= (first := _first(session.get(Cursor, _name(store.id)), last))
        ]
        session.expunge_all()
    done = 0
    for store_id, first, last in due:
        on = first
        while on <= last and done < limit:
            _day(app, store_id, on, now, is_fresh=last - on < FRESH)
            on += timedelta(days=1)
            done += 1
    return done


def _day(app: App, store_id: int, on: date, now: datetime, *, is_fresh: bool) -> None:
    with app.db.write() as session:
        store = session.get_one(Store, store_id)
        for source in (daily, watching):
            source.count(session, store, on)
        if is_fresh:
            for series, day in (*daily.watched(session, store, on), *watching.watched(session, store, on)):
                alerts.check(session, store_id, series, day, now)
        cursors.move(session, _name(store_id), on.toordinal(), now)


def _last(store: Store, now: datetime) -> date:
    """The last day that is over, and settled, where the store is."""
    return local_date(now - SETTLES, ZoneInfo(store.timezone)) - timedelta(days=1)


def _first(cursor: Cursor | None, last: date) -> date:
    """The day after the last one that was counted."""
    earliest = last - timedelta(days=daily.HISTORY)
    return max(earliest, date.fromordinal(cursor.position) + timedelta(days=1)) if cursor else earliest


def _name(store_id: int) -> str:
    return f"{_NAME}:{store_id}"
