from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment, Store
from automation.stages.summarise import summarise
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, rhythms: dict[str, tuple[int, int]], **settings: Any) -> Store:
    """Customers with so many orders, so many days apart, the last of them now."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "win_back", **settings)
        for name, (count, apart) in rhythms.items():
            who = make.customer(session, store, name)
            for n in range(count):
                make.order(session, store, who, NOW - n * apart * DAY, f"{name}{n}")
    while summarise(app, NOW, 2):
        pass
    return store


def days_until_missed(app: App, clock: TurnableClock, most: int) -> dict[str, int]:
    """After how many days each customer entered."""
    found: dict[str, int] = {}
    for day in range(1, most + 1):
        clock.turn(DAY)
        for name, _ in sweep(app):
            found.setdefault(name, day)
    return found


def test_a_customer_is_missed_after_twice_their_usual_days(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": (4, 16), "Ben": (3, 40), "Cleo": (1, 0), "Dan": (4, 3)}, least_days=20, days=50)
    assert days_until_missed(app, clock, 85) == {"Ada": 32, "Ben": 84, "Cleo": 50, "Dan": 20}


def test_customers_of_one_order_can_be_left_out(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": (2, 30), "Cleo": (1, 0)}, factor=1.5, days=0)
    assert days_until_missed(app, clock, 50) == {"Ada": 45}


def test_fixed_days_are_the_same_for_all(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": (4, 16), "Cleo": (1, 0)}, by="days", days=10)
    assert days_until_missed(app, clock, 12) == {"Ada": 10, "Cleo": 10}


def test_an_order_since_ends_it_unless_it_was_cancelled(app: App, clock: TurnableClock) -> None:
    store = scene(app, {"Ada": (2, 30), "Ben": (2, 30)})
    clock.turn(50 * DAY)
    with app.db.write() as session:
        for key, is_cancelled in (("Ada", False), ("Ben", True)):
            who = make.customer(session, store, f"{key}s friend")
            order = make.order(
                session, store, who, clock(), f"{key} again", cancelled_at=clock() if is_cancelled else None
            )
            order.customer_id = 1 if key == "Ada" else 2
    clock.turn(10 * DAY)
    assert [name for name, _ in sweep(app)] == ["Ben"]


def test_the_flow_begins_when_the_customer_is_missed_and_counts_from_their_last_order(
    app: App, clock: TurnableClock
) -> None:
    scene(app, {"Ada": (2, 30)})
    clock.turn(61 * DAY)
    sweep(app)
    with app.db.read() as session:
        row = session.scalars(select(Enrolment)).one()
        assert (row.anchor_at, row.due_at) == (NOW, NOW + 60 * DAY)
