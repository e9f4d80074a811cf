"""Days of the touchpoints: how many of those who were met went onward within a week, for the alerts.

A day is settled a week after it, so that a day of last month can be held against the one that has just settled.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from automation.alerts import Series
from automation.insights.daily import days_of, keep
from automation.insights.journey.measuring import met, touchpoints_of
from automation.insights.periods import Period
from automation.insights.report import Asked
from automation.models import Store
from automation.times import day_span

LAG = 6
"""Days after a touch in which going onward counts for it, beside the day itself."""


def count(session: Session, store: Store, on: date) -> int:
    """Count the day that is settled when `on` is over, and keep it; the rows kept. Four statements at most."""
    places = touchpoints_of(session, store.id)
    if not places:
        return 0
    zone, day = ZoneInfo(store.timezone), on - timedelta(days=LAG)
    period, over = Period(day, day, zone), day_span(on, zone)[1]
    found = met(session, Asked(store.id, store.currency, period, over), period, places, judged_until=over)
    rows: list[dict[str, Any]] = [
        {
            "store_id": store.id,
            "series": _name(place.id),
            "on": day,
            "value": found[place.id].onward,
            "of": found[place.id].people,
        }
        for place in places
    ]
    keep(session, rows)
    return len(rows)


def watched(session: Session, store: Store, on: date) -> list[tuple[Series, date]]:
    """The series of the touchpoints on the map, each with the day that is settled once `on` is over."""
    days = days_of(session, store, on, "touchpoint/")
    return [
        (
            Series(
                name=_name(place.id),
                title=f"Customers who went onward after “{place.name}”",
                kind="share",
                days=days.get(_name(place.id), {}),
                place="/journey/",
                sides="low",
                currency=store.currency,
            ),
            on - timedelta(days=LAG),
        )
        for place in touchpoints_of(session, store.id)
    ]


def _name(place_id: int) -> str:
    return f"touchpoint/{place_id}/conversion"
