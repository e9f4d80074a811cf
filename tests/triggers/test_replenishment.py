from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment, Product, ProductRhythm, Store
from automation.stages.advance import advance
from automation.stages.summarise import summarise
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, **settings: Any) -> tuple[Store, Product]:
    """Tea that five customers buy every 30 days and stopped a while ago, and that Ada and Ben bought just now."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "replenishment", **settings)
        tea = make.product(session, store, "tea")
        for name in ("Eve", "Fay", "Gil", "Hal", "Ida"):
            who = make.customer(session, store, name)
            for n in (3, 4):
                make.order(session, store, who, NOW - n * 30 * DAY, f"{name}{n}", products=(tea,))
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        for n in (0, 1, 2):
            make.order(session, store, ada, NOW - n * 20 * DAY, f"Ada{n}", products=(tea,))
        make.order(session, store, ben, NOW, "Ben", products=(tea,))
    while summarise(app, NOW, 3):
        pass
    return store, tea


def test_own_rhythm_comes_before_the_products(app: App, clock: TurnableClock) -> None:
    _, tea = scene(app)
    with app.db.read() as session:
        row = session.get_one(ProductRhythm, tea.id)
        assert (row.customer_count, row.median_days) == (6, 30)
    found: dict[str, int] = {}
    for day in range(1, 31):
        clock.turn(DAY)
        summarise(app, clock(), 100)
        for name, _ in sweep(app):
            found.setdefault(name, day)
    assert found == {"Ada": 17, "Ben": 27}


def test_who_bought_it_once_can_be_left_out(app: App, clock: TurnableClock) -> None:
    scene(app, is_own_only=True, days_after=1)
    clock.turn(21 * DAY)
    assert [name for name, _ in sweep(app)] == ["Ada"]
    clock.turn(10 * DAY)
    assert [name for name, _ in sweep(app)] == ["Ada"]


def test_buying_it_again_ends_it_and_other_orders_do_not(app: App, clock: TurnableClock) -> None:
    store, tea = scene(app)
    clock.turn(17 * DAY)
    assert [name for name, _ in sweep(app)] == ["Ada"]
    with app.db.write() as session:
        ada = session.scalars(select(Enrolment.customer_id)).one()
        make.order(session, store, None, clock(), "something else").customer_id = ada
    summarise(app, clock(), 100)
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.state)).one() == "active"
    clock.turn(DAY)
    with app.db.write() as session:
        make.order(session, store, None, clock(), "tea again", products=(tea,)).customer_id = ada
    summarise(app, clock(), 100)
    advance(app, clock.turn(timedelta(hours=1)), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == "no longer true: it was not bought again since"


def test_products_that_are_sold_out_or_not_meant_start_nothing(app: App, clock: TurnableClock) -> None:
    _, tea = scene(app, which={"products": ["coffee"]})
    clock.turn(17 * DAY)
    assert sweep(app) == []
    with app.db.write() as session:
        session.get_one(Product, tea.id).external_id = "coffee"
        session.get_one(Product, tea.id).stock = 0
    assert sweep(app) == []
