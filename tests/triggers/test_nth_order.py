from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Order, Store
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, orders: dict[str, int], **settings: Any) -> Store:
    """A store whose customers placed so many orders, the last one a day ago, each a week after the one before."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "nth_order", **settings)
        for name, count in orders.items():
            who = make.customer(session, store, name)
            for n in range(count):
                make.order(session, store, who, NOW - DAY - timedelta(weeks=n), f"{name}{count - n}")
    return store


def test_the_nth_order_starts_it_and_no_other(app: App) -> None:
    scene(app, {"Ada": 2, "Ben": 3, "Cleo": 4}, number=3)
    assert sweep(app) == [("Ben", "3")]


def test_every_multiple_counts_when_asked_for(app: App) -> None:
    scene(app, {"Ada": 2, "Ben": 3, "Cleo": 4}, number=2, is_repeated=True)
    assert sweep(app) == [("Ada", "2"), ("Cleo", "4")]


def test_cancelled_orders_do_not_count_and_a_number_is_reached_once(app: App, clock: TurnableClock) -> None:
    store = scene(app, {"Ada": 3, "Ben": 3}, number=3)
    with app.db.write() as session:
        session.scalars(select(Order).where(Order.external_id == "Ada1")).one().cancelled_at = NOW - DAY
    assert sweep(app) == [("Ben", "3")]
    with app.db.write() as session:
        session.scalars(select(Order).where(Order.external_id == "Ben3")).one().cancelled_at = NOW
        for who in session.scalars(select(Customer)):
            make.order(session, store, who, NOW, f"{who.first_name}4")
    clock.turn(DAY)
    assert sweep(app) == [("Ada", "3"), ("Ben", "3")]


def test_it_waits_for_its_delay(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": 1}, number=1, delay_hours=48)
    assert sweep(app) == []
    clock.turn(DAY)
    assert sweep(app) == [("Ada", "1")]
