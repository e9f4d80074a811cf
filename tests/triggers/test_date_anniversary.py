"""Birthdays and other dates: on the right day in each customer's zone, once a year, leap day or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Enrolment, SpecialDate, Store
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, due_at, entered, live, sweep

HOUR = timedelta(hours=1)
NINE_IN_BERLIN = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


def born(
    session: Session, store: Store, name: str, month: int, day: int, year: int | None = None, **more: Any
) -> Customer:
    return make.customer(session, store, name, birthday_month=month, birthday_day=day, birthday_year=year, **more)


@pytest.fixture
def store(app: App, clock: TurnableClock) -> Store:
    """A store in Berlin with a birthday campaign, an hour before nine."""
    clock.now = NINE_IN_BERLIN - HOUR
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "date_anniversary")
    return store


def dated(app: App, clock: TurnableClock, now: datetime, **settings: Any) -> Store:
    """A store in Berlin with a campaign of other settings."""
    clock.now = now
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "date_anniversary", **settings).live_since = now - timedelta(days=800)
    return store


def test_it_starts_at_nine_where_the_customer_lives_and_not_before(
    app: App, clock: TurnableClock, store: Store
) -> None:
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
        born(session, store, "Ben", 3, 10, 1980, timezone="America/New_York")
        born(session, store, "Cleo", 3, 11)
        born(session, store, "Dan", 3, 10, timezone="")
        born(session, store, "Eve", 3, 10, timezone="Asia/Tokyo")
    assert sweep(app) == [("Eve", "2026")]
    clock.now = NINE_IN_BERLIN - timedelta(microseconds=1)
    assert sweep(app) == [("Eve", "2026")]
    clock.now = NINE_IN_BERLIN
    assert sweep(app) == [("Ada", "2026"), ("Dan", "2026"), ("Eve", "2026")]
    clock.now = datetime(2026, 3, 10, 13, 0, tzinfo=UTC)
    assert ("Ben", "2026") in sweep(app)
    assert due_at(app)["Ben"] == datetime(2026, 3, 10, 13, 0, tzinfo=UTC)


def test_it_comes_once_a_year(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
    live(app, clock, NINE_IN_BERLIN + timedelta(days=740), timedelta(hours=46))
    assert entered(app) == [("Ada", "2026"), ("Ada", "2027"), ("Ada", "2028")]


def test_placeholders_are_no_dates_but_their_days_are(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, datetime(2026, 1, 1, 12, tzinfo=UTC))
    with app.db.write() as session:
        born(session, store, "Ada", 1, 1, 1970)
        born(session, store, "Ben", 1, 1, 1900)
        born(session, store, "Cleo", 1, 1, 1971)
        born(session, store, "Dan", 1, 1)
    assert sweep(app) == [("Cleo", "2026"), ("Dan", "2026")]


@pytest.mark.parametrize(("leap_day", "expected"), [("feb_28", 28), ("mar_1", 1), ("skip", None)])
def test_the_leap_day_in_a_common_year(app: App, clock: TurnableClock, leap_day: str, expected: int | None) -> None:
    store = dated(app, clock, datetime(2026, 2, 26, 12, tzinfo=UTC), leap_day=leap_day)
    with app.db.write() as session:
        born(session, store, "Ada", 2, 29, 1992)
        born(session, store, "Ben", 2, 28)
    live(app, clock, datetime(2026, 3, 3, tzinfo=UTC), 6 * HOUR)
    assert [key for name, key in entered(app) if name == "Ada"] == (["2026"] if expected else [])
    if expected:
        assert due_at(app)["Ada"].day == expected
    assert due_at(app)["Ben"].day == 28


def test_the_leap_day_in_a_leap_year_is_itself(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, datetime(2028, 2, 26, tzinfo=UTC), leap_day="mar_1")
    with app.db.write() as session:
        born(session, store, "Ada", 2, 29)
    live(app, clock, datetime(2028, 3, 3, tzinfo=UTC), 5 * HOUR)
    assert due_at(app) == {"Ada": datetime(2028, 2, 29, 8, tzinfo=UTC)}


@pytest.mark.parametrize("offset", [-365, -69, -7, -1, 1, 60, 365])
def test_days_before_and_after(app: App, clock: TurnableClock, offset: int) -> None:
    store = dated(app, clock, NINE_IN_BERLIN + timedelta(days=offset), offset_days=offset)
    clock.turn(4 * HOUR)  # clear of the hour that summer time moves
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
        born(session, store, "Ben", 3, 12)
    assert sweep(app) == [("Ada", "2026")]


def test_a_present_cannot_be_farmed_by_moving_ones_birthday(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        ada = born(session, store, "Ada", 3, 10)
    clock.now = NINE_IN_BERLIN
    assert sweep(app) == [("Ada", "2026")]
    for later, (month, day) in ((60, (5, 9)), (300, (1, 4)), (358, (3, 3))):
        with app.db.write() as session:
            row = session.get_one(Customer, ada.id)
            row.birthday_month, row.birthday_day = month, day
        clock.now = NINE_IN_BERLIN + timedelta(days=later, hours=2)
        assert sweep(app) == [("Ada", "2026")]
    with app.db.write() as session:
        row = session.get_one(Customer, ada.id)
        row.birthday_month, row.birthday_day = 3, 10
    clock.now = NINE_IN_BERLIN + timedelta(days=365)
    assert sweep(app) == [("Ada", "2026"), ("Ada", "2027")]


def test_a_year_that_was_caught_up_late_does_not_delay_the_next(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
    clock.now = NINE_IN_BERLIN + 47 * HOUR
    assert sweep(app) == [("Ada", "2026")]
    clock.now = NINE_IN_BERLIN + timedelta(days=365)
    assert sweep(app) == [("Ada", "2026"), ("Ada", "2027")]


def test_what_is_older_than_the_catch_up_is_let_go(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, NINE_IN_BERLIN + 13 * HOUR, catch_up_hours=12)
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
    assert sweep(app) == []
    clock.turn(-HOUR - timedelta(microseconds=1))
    assert sweep(app) == [("Ada", "2026")]


def test_special_dates_go_by_their_name(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, NINE_IN_BERLIN, of="special_date", name="wedding")
    with app.db.write() as session:
        for name, called, year in (
            ("Ada", "wedding", 2001),
            ("Ben", "pet", None),
            ("Cleo", "wedding", None),
            ("Dan", "wedding", 2027),
        ):
            who = make.customer(session, store, name)
            session.add(
                SpecialDate(
                    store_id=store.id, customer_id=who.id, name=called, month=3, day=10, year=year,
                    created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip
    assert sweep(app) == [("Ada", "2026"), ("Cleo", "2026")]


def test_a_date_that_does_not_repeat_comes_in_its_year_only(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, NINE_IN_BERLIN, of="special_date", name="due", repeats=False)
    with app.db.write() as session:
        for name, year in (("Ada", 2025), ("Ben", 2026)):
            who = make.customer(session, store, name)
            session.add(
                SpecialDate(
                    store_id=store.id, customer_id=who.id, name="due", month=3, day=10, year=year,
                    created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip
    assert sweep(app) == [("Ben", "2026")]


def test_the_day_they_became_a_customer_counts_in_their_own_zone(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, NINE_IN_BERLIN + 6 * HOUR, of="customer_since", catch_up_hours=12)
    late = datetime(2023, 3, 10, 23, 30, tzinfo=UTC)  # the 11th in Berlin, still the 10th in New York
    with app.db.write() as session:
        make.customer(session, store, "Ada", created_at=late)
        make.customer(session, store, "Ben", created_at=late, timezone="America/New_York")
        make.customer(session, store, "Cleo", created_at=late - timedelta(hours=1))
        make.customer(session, store, "Dan", created_at=NINE_IN_BERLIN)
    assert sweep(app) == [("Ben", "2026"), ("Cleo", "2026")]
    clock.turn(timedelta(days=1))
    assert sweep(app) == [("Ada", "2026"), ("Ben", "2026"), ("Cleo", "2026")]


def test_who_joined_on_a_leap_day_is_remembered_by_the_policy(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, datetime(2026, 2, 28, 12, tzinfo=UTC), of="customer_since")
    with app.db.write() as session:
        make.customer(session, store, "Ada", created_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
        make.customer(session, store, "Ben", created_at=datetime(2024, 3, 1, 12, tzinfo=UTC))
    assert sweep(app) == [("Ada", "2026")]


def test_only_the_first_order_has_an_anniversary(app: App, clock: TurnableClock) -> None:
    store = dated(app, clock, NINE_IN_BERLIN, of="first_order")
    with app.db.write() as session:
        ada, ben = make.customer(session, store, "Ada"), make.customer(session, store, "Ben")
        cleo = make.customer(session, store, "Cleo")
        day = datetime(2025, 3, 10, 12, tzinfo=UTC)
        make.order(session, store, ada, day, "o1")
        make.order(session, store, ben, day - timedelta(days=9), "o2")
        make.order(session, store, ben, day, "o3")
        make.order(session, store, cleo, day - timedelta(days=9), "o4", cancelled_at=day)
        make.order(session, store, cleo, day, "o5")
    assert sweep(app) == [("Ada", "2026"), ("Cleo", "2026")]


def test_others_stores_and_the_erased_are_left_alone(app: App, clock: TurnableClock, store: Store) -> None:
    clock.now = NINE_IN_BERLIN
    with app.db.write() as session:
        other = make.store(session, name="Another")
        born(session, other, "Ada", 3, 10)
        born(session, store, "Ben", 3, 10, erased_at=NOW)
    assert sweep(app) == []


def test_a_birthday_that_is_taken_back_ends_what_began(app: App, clock: TurnableClock, store: Store) -> None:
    clock.now = NINE_IN_BERLIN
    with app.db.write() as session:
        ada = born(session, store, "Ada", 3, 10)
    sweep(app)
    with app.db.write() as session:
        row = session.get_one(Customer, ada.id)
        row.birthday_month = row.birthday_day = None
    advance(app, clock(), 100)
    with app.db.read() as session:
        enrolment = session.get_one(Enrolment, 1)
        assert (enrolment.state, enrolment.exit_reason) == ("exited", "no longer true: the date is still known")


def test_the_flow_counts_from_the_hour_it_was_due(app: App, clock: TurnableClock, store: Store) -> None:
    clock.now = NINE_IN_BERLIN + timedelta(minutes=20)
    with app.db.write() as session:
        born(session, store, "Ada", 3, 10)
    sweep(app)
    advance(app, clock(), 100)
    with app.db.read() as session:
        # The recipe waits an hour before its first mail, less the half hour that its own trigger waits.
        assert session.get_one(Enrolment, 1).due_at - NINE_IN_BERLIN in (timedelta(minutes=30), HOUR)
