"""Order delivered: days after the parcel came, not after the order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Event, Order, Store
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, entered, live, sweep

DAY = timedelta(days=1)


def asking(app: App, **settings: Any) -> Store:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "order_delivered", **settings)
    return store


def test_it_counts_from_the_delivery(app: App, clock: TurnableClock) -> None:
    store = asking(app, after_days=7)
    with app.db.write() as session:
        ada, ben = make.customer(session, store, "Ada"), make.customer(session, store, "Ben")
        make.order(session, store, ada, NOW - 20 * DAY, "o1", fulfilled_at=NOW - 18 * DAY, delivered_at=NOW - 6 * DAY)
        make.order(session, store, ben, NOW - 20 * DAY, "o2", fulfilled_at=NOW - 18 * DAY)
    assert sweep(app) == []
    clock.turn(DAY)
    assert sweep(app) == [("Ada", "o1")]
    live(app, clock, NOW + 30 * DAY, DAY)
    assert entered(app) == [("Ada", "o1")]


def test_where_no_delivery_is_told_of_it_may_be_assumed(app: App, clock: TurnableClock) -> None:
    store = asking(app, after_days=7, transit_days=4)
    with app.db.write() as session:
        ada, ben = make.customer(session, store, "Ada"), make.customer(session, store, "Ben")
        make.order(session, store, ada, NOW - 12 * DAY, "o1", fulfilled_at=NOW - 10 * DAY)
        slow = make.order(session, store, ben, NOW - 12 * DAY, "o2", fulfilled_at=NOW - 10 * DAY)
    assert sweep(app) == []
    with app.db.write() as session:
        session.get_one(Order, slow.id).delivered_at = NOW
    clock.turn(DAY)
    assert sweep(app) == [("Ada", "o1")]
    live(app, clock, NOW + 7 * DAY, DAY)
    assert entered(app) == [("Ada", "o1"), ("Ben", "o2")]


REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("Ada", {}),
    ("Ben", {"refunded": 2590}),
    ("Cleo", {"cancelled_at": NOW}),
    ("Dan", {}),
    ("Eve", {"refunded": 5}),
]


def test_who_answered_or_gave_it_back_is_not_asked(app: App) -> None:
    store = asking(app, after_days=7)
    with app.db.write() as session:
        for number, (name, values) in enumerate(REFUSALS):
            who = make.customer(session, store, name)
            make.order(session, store, who, NOW - 9 * DAY, f"o{number}", delivered_at=NOW - 7 * DAY, **values)
            # Dan's review was of an order before.
            at = {"Ada": NOW - DAY, "Dan": NOW - 8 * DAY}.get(name)
            if at:
                session.add(
                    Event(
                        store_id=store.id, customer_id=who.id, name="review.left", at=at, properties={}, recorded_at=at
                    )
                )
    assert sweep(app) == [("Dan", "o3"), ("Eve", "o4")]
