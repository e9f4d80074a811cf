from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Cart, Enrolment, Product, Store
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)


def scene(app: App, **settings: Any) -> tuple[Store, Product]:
    """A store with a live campaign, and a teacup."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "browse_abandoned", **settings)
        return store, make.product(session, store, category="Cups")


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


def test_a_look_starts_it_an_hour_later_and_once(app: App, clock: TurnableClock) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        make.event(session, store, make.customer(session, store), "product.viewed", NOW, product=cup)
    clock.turn(HOUR - timedelta(seconds=1))
    assert names(app) == []
    clock.turn(timedelta(seconds=1))
    assert names(app) == ["Ada"]
    assert names(app) == ["Ada"]


def test_the_hour_runs_from_the_last_look(app: App, clock: TurnableClock) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        ada = make.customer(session, store)
        for minutes in (0, 40):
            make.event(session, store, ada, "product.viewed", NOW + timedelta(minutes=minutes), product=cup)
    clock.turn(HOUR)
    assert names(app) == []
    clock.turn(timedelta(minutes=40))
    assert names(app) == ["Ada"]


@pytest.mark.parametrize("deed", ["cart", "order", "sold out", "gone", "bought last week"])
def test_whoever_went_further_or_cannot_buy_it_is_left_alone(app: App, deed: str) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.event(session, store, ada, "product.viewed", NOW - HOUR, product=cup)
        match deed:
            case "cart":
                make.cart(session, store, ada, NOW - HOUR / 2)
            case "order":
                make.order(session, store, ada, NOW - HOUR / 2)
            case "sold out":
                session.get_one(Product, cup.id).stock = 0
            case "gone":
                session.get_one(Product, cup.id).state = "archived"
            case _:
                make.order(session, store, ada, NOW - timedelta(days=7), products=(cup,))
    assert names(app) == []


def test_what_lies_before_the_look_does_not_count(app: App) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.cart(session, store, ada, NOW - HOUR * 3)
        make.order(session, store, ada, NOW - timedelta(days=7))
        make.order(session, store, ada, NOW - timedelta(days=31), "o2", products=(cup,))
        make.event(session, store, ada, "product.viewed", NOW - HOUR, product=cup)
    assert names(app) == ["Ada"]


def test_only_looks_at_the_products_that_are_meant(app: App) -> None:
    store, cup = scene(app, which={"categories": ["Cups"], "tags": ["gift"]})
    with app.db.write() as session:
        pot = make.product(session, store, "p2", category="Pots")
        tea = make.product(session, store, "p3", tags=["green", "gift"])
        for name, product in {"Ada": cup, "Ben": pot, "Cleo": tea, "Dan": None}.items():
            make.event(
                session, store, make.customer(session, store, name), "product.viewed", NOW - HOUR, product=product
            )
    assert names(app) == ["Ada", "Cleo"]


def test_a_cart_begun_later_pulls_the_customer_out(app: App, clock: TurnableClock) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.event(session, store, ada, "product.viewed", NOW - HOUR, product=cup)
    assert names(app) == ["Ada"]
    with app.db.write() as session:
        make.cart(session, store, ada, NOW + timedelta(minutes=1))
    clock.turn(HOUR)
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == "no longer true: no cart was begun since"
        assert session.scalars(select(Cart.id)).one()
