"""Clocks that jump and workers that stand still: nothing starts twice, and nothing is lost inside the catch-up."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, DueItem, Enrolment
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, entered

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEP = 2 * HOUR
DAYS = 7
HOMES = (None, "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")
CATCH_UP = 48 * HOUR


def world(app: App) -> dict[tuple[str, str], datetime]:
    """A birthday and a payment in each of several zones on each day, and when each of them is due."""
    nine = {None: 8, "America/Los_Angeles": 16, "Asia/Kolkata": 3.5, "Pacific/Auckland": -4}
    expected = {}
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "date_anniversary").live_since = NOW
        campaign(app, session, store, "due_item", days=[-1]).live_since = NOW
        for ahead in range(DAYS):
            day = (NOW + ahead * DAY).replace(hour=0)
            for home in HOMES:
                name = f"D{ahead}{(home or 'Home')[:6]}"
                who = make.customer(session, store, name, timezone=home, birthday_month=day.month, birthday_day=day.day)
                session.add(_payment(who, day + DAY + timedelta(minutes=30)))
                session.flush()
                expected[name, "2026"] = day + nine[home] * HOUR
                expected[name, f"{who.id}:{day + DAY:%Y-%m-%d} 00:30:00:-1d"] = day + timedelta(minutes=30)
    return {key: at for key, at in expected.items() if NOW <= at <= NOW + (DAYS - 1) * DAY}


def _payment(customer: Customer, due_at: datetime) -> DueItem:
    return DueItem(
        store_id=customer.store_id,
        customer_id=customer.id,
        kind="payment",
        external_id=str(customer.id),
        due_at=due_at,
        created_at=NOW,
        updated_at=NOW,
    )


def work(app: App, clock: TurnableClock, jumps: dict[int, timedelta]) -> None:
    """Sweep every two hours of true time; `jumps` says by how much the clock leaps before which sweep."""
    for sweep in range((DAYS - 1) * 12 + 1):
        clock.turn(jumps.get(sweep, timedelta()) + (STEP if sweep else timedelta()))
        enrol(app, clock(), 1000)


@pytest.mark.parametrize("leap", [timedelta(seconds=1), HOUR, -timedelta(seconds=1), -HOUR], ids=str)
def test_a_clock_that_leaps_a_little_and_is_set_right(app: App, clock: TurnableClock, leap: timedelta) -> None:
    expected = world(app)
    work(app, clock, {10: leap, 13: -leap, 30: leap, 31: -leap})
    assert entered(app) == sorted(expected)


def test_a_clock_that_falls_back_a_year(app: App, clock: TurnableClock) -> None:
    expected = world(app)
    work(app, clock, {20: -365 * DAY, 24: 365 * DAY})
    assert entered(app) == sorted(expected)


def test_a_clock_that_runs_ahead_a_year_and_is_set_right(app: App, clock: TurnableClock) -> None:
    expected = world(app)
    work(app, clock, {20: 365 * DAY, 22: -365 * DAY})
    with app.db.read() as session:
        rows = session.execute(
            select(Customer.first_name, Enrolment.key)
            .join(Enrolment, Enrolment.customer_id == Customer.id)
            .order_by(Enrolment.id)
        ).all()
    # To the machine a year has passed: some have next year's present. Nobody goes without, and who had next
    # year's first does not get this year's on top of it.
    born = {name for name, key in expected if key == "2026"}
    presents = {name: [key for who, key in rows if who == name and ":" not in key] for name in born}
    assert set(map(tuple, presents.values())) == {("2026",), ("2027",), ("2026", "2027")}
    assert sorted(pair for pair in entered(app) if ":" in pair[1]) == sorted(p for p in expected if ":" in p[1])


def test_a_worker_that_stood_still_for_eight_hours(app: App, clock: TurnableClock) -> None:
    expected = world(app)
    for sweep in range((DAYS - 1) * 12 + 1):
        if not 20 < sweep <= 24:
            clock.now = NOW + sweep * STEP
            enrol(app, clock(), 1000)
    assert entered(app) == sorted(expected)


def test_a_worker_that_stood_still_for_five_days_catches_up_with_two(app: App, clock: TurnableClock) -> None:
    expected = world(app)
    enrol(app, clock(), 1000)
    back = clock.turn(5 * DAY)
    for _ in range(13):
        enrol(app, clock(), 1000)
        clock.turn(STEP)
    kept = {key for key, at in expected.items() if at > back - CATCH_UP or at <= NOW}
    assert entered(app) == sorted(kept)
