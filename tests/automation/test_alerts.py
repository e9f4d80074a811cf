"""A figure that leaves its band is told once; it can be seen to and muted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import alerts
from automation.actions import admins
from automation.alerts import Day, Series
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Alert, AuditEntry
from tests import make
from tests.conftest import NOW

ON = date(2026, 3, 9)
"""A Monday."""
DAY = timedelta(days=1)
CALM = Series(
    "campaign/1/volume",
    "Mails sent by Welcome",
    "count",
    {ON - n * DAY: Day(100 + n % 5) for n in range(1, 71)},
    place="/campaigns/x",
)


def having(value: float, on: date = ON, series: Series = CALM, **changes: Any) -> Series:
    """The series with a day more."""
    return replace(series, days={**series.days, on: Day(value)}, **changes)


@pytest.fixture
def session(app: App) -> Iterator[Session]:
    with app.db.write() as session:
        yield session


@pytest.fixture
def store(session: Session) -> int:
    return make.store(session).id


@pytest.fixture
def admin(session: Session) -> int:
    return admins.create_admin(session, "may@wren.example.com", NOW).id


def test_an_alert_says_what_happened_and_what_is_usual(session: Session, store: int) -> None:
    found = alerts.check(session, store, having(12), ON, NOW)
    assert found is not None
    assert found.text.startswith("Mails sent by Welcome: 12 on Monday, 9 March. On a Monday it is usually ")
    assert (found.series, found.place, found.dismissed_at) == ("campaign/1/volume", "/campaigns/x", None)
    assert found.value < found.low < 100 < found.high
    assert alerts.check(session, store, having(101), ON, NOW) is None


def test_money_and_shares_are_written_as_such(session: Session, store: int) -> None:
    money = replace(CALM, name="r", kind="money", days={d: Day(100 * v.value) for d, v in CALM.days.items()})
    found = alerts.check(session, store, having(100, series=money), ON, NOW)
    assert found is not None
    assert ": 1.00 EUR on Monday" in found.text
    share = replace(CALM, name="s", kind="share", days={d: Day(20, 200) for d in CALM.days})
    found = alerts.check(session, store, replace(share, days={**share.days, ON: Day(1, 200)}), ON, NOW)
    assert found is not None
    assert ": 0.5 % on Monday" in found.text


def test_what_goes_on_for_days_is_told_once_a_week_and_its_other_side_at_once(session: Session, store: int) -> None:
    told = []
    series = having(12)
    for n in range(9):
        on = ON + n * DAY
        series = having(12 if n != 4 else 900, on, series)
        if alerts.check(session, store, series, on, NOW + n * DAY) is not None:
            told.append(n)
    assert told == [0, 4, 7]
    assert alerts.check(session, store, having(12), ON, NOW) is None


def test_of_complaints_only_more_than_usual_is_told(session: Session, store: int) -> None:
    rare = replace(CALM, name="c", sides="high", is_rare=True, days={d: Day(0) for d in CALM.days})
    assert alerts.check(session, store, having(0, series=rare), ON, NOW) is None
    assert alerts.check(session, store, having(12, series=rare), ON, NOW) is not None
    assert alerts.check(session, store, having(12, series=replace(CALM, sides="high")), ON, NOW) is None


def test_without_history_or_without_the_day_nothing_is_told(session: Session, store: int) -> None:
    short = replace(CALM, days={d: v for d, v in CALM.days.items() if d > ON - 30 * DAY})
    assert alerts.check(session, store, having(0, series=short), ON, NOW) is None
    assert alerts.check(session, store, CALM, ON, NOW) is None


def test_what_was_seen_to_is_off_the_list(session: Session, store: int, admin: int) -> None:
    alert = alerts.check(session, store, having(12), ON, NOW)
    assert alert is not None
    assert [a.id for a in alerts.waiting(session, store)[0]] == [alert.id]
    other = make.store(session).id
    assert not alerts.dismiss(session, other, alert.id, admin, NOW)
    assert alerts.dismiss(session, store, alert.id, admin, NOW)
    assert not alerts.dismiss(session, store, alert.id, admin, NOW)
    assert alerts.waiting(session, store) == ([], 0)
    assert session.scalars(select(AuditEntry.action)).all() == ["alert.dismissed"]


def test_a_muted_figure_is_silent_until_its_time_or_for_good(session: Session, store: int, admin: int) -> None:
    alert = alerts.check(session, store, having(12), ON, NOW)
    assert alert is not None
    alerts.mute(session, store, alert.id, admin, NOW, days=30)
    assert alerts.waiting(session, store) == ([], 0)
    assert [m.title for m in alerts.muted(session, store, NOW)] == ["Mails sent by Welcome"]
    later = ON + 14 * DAY
    series = replace(
        having(900, later), days={**having(900, later).days, **{ON + n * DAY: Day(101) for n in range(14)}}
    )
    assert alerts.check(session, store, series, later, NOW + 14 * DAY) is None
    assert alerts.check(session, store, series, later, NOW + 31 * DAY) is not None
    alerts.mute(session, store, alert.id, admin, NOW, days=None)
    assert alerts.is_muted(session, store, CALM.name, NOW + 9000 * DAY)
    assert alerts.unmute(session, store, CALM.name, admin, NOW)
    assert not alerts.unmute(session, store, CALM.name, admin, NOW)
    assert alerts.muted(session, store, NOW) == []


def test_the_alerts_of_another_store_are_not_there(session: Session, store: int, admin: int) -> None:
    alert = alerts.check(session, store, having(12), ON, NOW)
    other = make.store(session).id
    assert isinstance(alert, Alert)
    with pytest.raises(NotAllowed, match="no such alert"):
        alerts.mute(session, other, alert.id, admin, NOW, days=1)
    assert alerts.waiting(session, other) == ([], 0)
