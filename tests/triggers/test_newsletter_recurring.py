"""Newsletters by a schedule, and at each customer's own hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.explaining import why
from automation.models import Campaign, Customer, Store
from automation.times import zone
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, due_at, entered, live, sweep
from tests.webapp.statements import counted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOMES = {"Ada": None, "Ben": "America/New_York", "Cleo": "Pacific/Auckland", "Dan": "Asia/Tokyo"}


def mailing(app: App, **settings: Any) -> tuple[Store, int]:
    """A newsletter published now, at one in the afternoon in Berlin."""
    with app.db.write() as session:
        store = make.store(session)
        row = campaign(app, session, store, "newsletter", **settings)
        campaigns.publish(app, session, row, NOW)
        row.live_since = NOW
        for name, home in HOMES.items():
            make.customer(session, store, name, timezone=home)
    return store, row.id


def state(app: App, campaign_id: int) -> str:
    with app.db.read() as session:
        return session.get_one(Campaign, campaign_id).state


def test_a_schedule_brings_one_issue_after_the_other(app: App, clock: TurnableClock) -> None:
    schedule = {"every": "week", "weekdays": ["thu", "sun"], "at": "18:00", "until_on": "2026-03-20"}
    store, campaign_id = mailing(app, schedule=schedule)
    live(app, clock, NOW + 3 * DAY, 5 * HOUR)
    with app.db.write() as session:
        make.customer(session, store, "Eve", created_at=clock())
    live(app, clock, NOW + 20 * DAY, 5 * HOUR)
    days = {name: [key[8:10] for who, key in entered(app) if who == name] for name in (*HOMES, "Eve")}
    assert days == {"Eve": ["15", "19"], **{name: ["12", "15", "19"] for name in HOMES}}
    assert state(app, campaign_id) == "live"  # its flow is still running for those who wait
    with app.db.read() as session:
        assert session.get_one(Campaign, campaign_id).enrolled_at is not None


def test_everybody_gets_it_when_their_own_clock_strikes(app: App, clock: TurnableClock) -> None:
    _, campaign_id = mailing(app, schedule={"every": "week", "weekdays": ["wed"], "at": "09:00"}, local_time=True)
    live(app, clock, NOW + 3 * DAY, HOUR / 2)
    assert {key for _, key in entered(app)} == {"2026-03-11T09:00"}
    from_nine = due_at(app)
    assert from_nine["Cleo"] == datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
    assert from_nine["Dan"] == datetime(2026, 3, 11, 0, 0, tzinfo=UTC)
    assert from_nine["Ada"] == datetime(2026, 3, 11, 8, 0, tzinfo=UTC)
    assert from_nine["Ben"] == datetime(2026, 3, 11, 13, 0, tzinfo=UTC)
    assert state(app, campaign_id) == "live"


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        ("skip", {"Ada": 10, "Ben": 10}),
        ("next_day", {"Ada": 10, "Ben": 10, "Cleo": 11, "Dan": 11}),
    ],
)
def test_where_the_hour_has_passed(app: App, clock: TurnableClock, passed: str, expected: dict[str, int]) -> None:
    # Two in the afternoon in Berlin, an hour from now: in Tokyo that hour was this morning.
    _, campaign_id = mailing(app, send_at=(NOW + HOUR).isoformat(), local_time=True, passed=passed)
    live(app, clock, NOW + 4 * DAY, HOUR / 2)
    got = {name: at.astimezone(zone(HOMES[name] or "Europe/Berlin")) for name, at in due_at(app).items()}
    assert {name: at.day for name, at in got.items()} == expected
    assert {(at.hour, at.minute) for at in got.values()} == {(14, 0)}
    with app.db.read() as session:
        assert session.get_one(Campaign, campaign_id).enrolled_at is not None


def test_who_moves_to_another_zone_does_not_get_it_twice(app: App, clock: TurnableClock) -> None:
    mailing(app, schedule={"every": "day", "at": "09:00"}, local_time=True)
    clock.now = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
    assert sweep(app) == [("Cleo", "2026-03-11T09:00")]
    with app.db.write() as session:
        session.get_one(Customer, 3).timezone = "America/New_York"
    clock.now = datetime(2026, 3, 11, 13, 0, tzinfo=UTC)
    assert [who for who, key in sweep(app) if key == "2026-03-11T09:00"] == ["Ada", "Ben", "Cleo", "Dan"]


def test_after_a_downtime_only_the_newest_issue_goes_out(app: App, clock: TurnableClock) -> None:
    mailing(app, schedule={"every": "day", "at": "09:00"})
    clock.turn(5 * DAY)
    assert {key for _, key in sweep(app)} == {"2026-03-15T08:00:00Z"}


def test_an_issue_that_is_out_is_asked_about_no_more(app: App, clock: TurnableClock) -> None:
    store, campaign_id = mailing(app, schedule={"every": "day", "at": "18:00"})
    with app.db.write() as session:
        eve = make.customer(session, store, "Eve", consent=False)
    live(app, clock, NOW + 6 * HOUR, HOUR / 2)
    assert sorted(who for who, _ in entered(app)) == sorted(HOMES)
    with counted(app) as statements:
        sweep(app)
    assert not [s for s in statements if "consent_states" in s]
    with app.db.write() as session:
        make.agree(session, eve, "granted", clock())
    live(app, clock, NOW + 12 * HOUR, HOUR)
    assert "Eve" not in dict(entered(app))
    with app.db.read() as session:
        said = why(app, session, session.get_one(Campaign, campaign_id), eve, clock())
    assert not said.would_enter
    assert "went out to everybody it was for" in said.nothing
    live(app, clock, NOW + 30 * HOUR, HOUR)
    assert "Eve" in dict(entered(app))
