from __future__ import annotations

from datetime import timedelta
from typing import Any

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Order, Product, Store
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, **settings: Any) -> tuple[Store, Product, Product]:
    """A store that suggests a pot to whoever bought a cup, two weeks later."""
    with app.db.write() as session:
        store = make.store(session)
        given = {"bought": {"products": ["cup"]}, "suggested": {"categories": ["Pots"]}, **settings}
        campaign(app, session, store, "cross_sell", **given)
        return store, make.product(session, store, "cup"), make.product(session, store, "pot", category="Pots")


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


def test_an_order_of_one_suggests_the_other_two_weeks_later(app: App, clock: TurnableClock) -> None:
    store, cup, pot = scene(app)
    with app.db.write() as session:
        for name, products in {"Ada": (cup,), "Ben": (pot,), "Cleo": (cup, pot), "Dan": ()}.items():
            make.order(session, store, make.customer(session, store, name), NOW, name, products=products)
    clock.turn(14 * DAY - timedelta(seconds=1))
    assert names(app) == []
    clock.turn(timedelta(seconds=1))
    assert names(app) == ["Ada"]


def test_whoever_has_it_already_is_left_out(app: App) -> None:
    store, cup, pot = scene(app)
    with app.db.write() as session:
        for name, days in {"Ada": 14 + 364, "Ben": 14 + 367, "Cleo": 3}.items():
            who = make.customer(session, store, name)
            make.order(session, store, who, NOW - 14 * DAY, name, products=(cup,))
            make.order(session, store, who, NOW - days * DAY, f"{name} before or since", products=(pot,))
    assert names(app) == ["Ben"]


def test_a_cancelled_order_suggests_nothing_and_a_cancelled_purchase_does_not_count(app: App) -> None:
    store, cup, pot = scene(app)
    with app.db.write() as session:
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        make.order(session, store, ada, NOW - 14 * DAY, products=(cup,), cancelled_at=NOW - DAY)
        make.order(session, store, ben, NOW - 14 * DAY, "o2", products=(cup,))
        make.order(session, store, ben, NOW - 3 * DAY, "o3", products=(pot,), cancelled_at=NOW - DAY)
    assert names(app) == ["Ben"]


def test_with_nothing_named_any_order_counts(app: App) -> None:
    store, cup, _ = scene(app, bought={}, suggested={})
    with app.db.write() as session:
        order = make.order(session, store, make.customer(session, store), NOW - 14 * DAY, products=(cup,))
        assert isinstance(order, Order)
    assert sweep(app) == [("Ada", str(order.id))]
