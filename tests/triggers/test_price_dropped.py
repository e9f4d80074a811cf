from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App
from automation.changes import EventHappened, Person, ProductChanged
from automation.clock import TurnableClock
from automation.models import Enrolment, Product, Store
from automation.stages.advance import advance
from tests import make
from tests.automation.intake.shop import Shop
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, **settings: Any) -> tuple[Store, Product]:
    """A cup that Ada looked at twice, Ben put in a cart, Cleo did both and Dan neither."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "price_dropped", **settings)
        cup = make.product(session, store, "cup", price=1000)
        ada, ben, cleo, _ = (make.customer(session, store, n) for n in ("Ada", "Ben", "Cleo", "Dan"))
        for who, days in ((ada, 3), (ada, 2), (cleo, 9)):
            make.event(session, store, who, "product.viewed", NOW - days * DAY, product=cup)
        make.event(session, store, None, "product.viewed", NOW - DAY, product=cup)
        make.cart(session, store, ben, NOW - 2 * DAY, "c1", products=(cup,))
        make.cart(session, store, cleo, NOW - 2 * DAY, "c2", products=(cup,))
        return store, cup


def fall(app: App, cup: Product, to: int, before: Any = 1000) -> None:
    with app.db.write() as session:
        session.get_one(Product, cup.id).price = to
        store = session.get_one(Store, cup.store_id)
        prices = {"from": before, "to": to}
        make.event(session, store, None, "product.price_dropped", app.clock(), product=cup, **prices)


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["Ada", "Ben", "Cleo"]),
        ({"interest": "viewed"}, ["Ada", "Cleo"]),
        ({"interest": "carted"}, ["Ben", "Cleo"]),
        ({"interest": "viewed", "within_days": 5}, ["Ada"]),
        ({"which": {"products": ["pot"]}}, []),
        ({"least_percent": 21}, []),
        ({"least_percent": 20, "least_amount": 200}, ["Ada", "Ben", "Cleo"]),
        ({"least_amount": 201}, []),
    ],
    ids=str,
)
def test_whoever_was_interested_is_told_once(app: App, settings: dict[str, Any], expected: list[str]) -> None:
    _, cup = scene(app, **settings)
    assert names(app) == []
    fall(app, cup, 800)
    assert names(app) == expected
    assert names(app) == expected


def test_who_bought_it_is_not_told_and_who_looked_later_neither(app: App, clock: TurnableClock) -> None:
    store, cup = scene(app)
    with app.db.write() as session:
        bought = make.order(session, store, None, NOW - DAY, products=(cup,))
        bought.customer_id = 1
    fall(app, cup, 800)
    clock.turn(DAY)
    with app.db.write() as session:
        make.event(session, store, make.customer(session, store, "Eve"), "product.viewed", clock(), product=cup)
    assert names(app) == ["Ben", "Cleo"]


def test_what_a_store_sends_by_hand_does_no_harm(app: App) -> None:
    _, cup = scene(app)
    fall(app, cup, 800, before="a lot")
    assert names(app) == []


@pytest.mark.parametrize("change", ["dearer", "sold out", "bought"])
def test_it_is_asked_again_before_each_mail(app: App, clock: TurnableClock, change: str) -> None:
    store, cup = scene(app, interest="carted", within_days=5)
    fall(app, cup, 800)
    assert names(app) == ["Ben", "Cleo"]
    with app.db.write() as session:
        match change:
            case "dearer":
                session.get_one(Product, cup.id).price = 900
            case "sold out":
                session.get_one(Product, cup.id).stock = 0
            case _:
                make.order(session, store, None, NOW, products=(cup,)).customer_id = 2
    advance(app, clock(), 10)
    with app.db.read() as session:
        reasons = list(session.scalars(select(Enrolment.exit_reason).order_by(Enrolment.customer_id)))
    expected = {
        "dearer": ["no longer true: the price is still as low"] * 2,
        "sold out": ["no longer true: the product can still be bought"] * 2,
        "bought": ["no longer true: the customer has not bought it", ""],
    }
    assert reasons == expected[change]


def test_a_first_price_is_no_fall(app: App) -> None:
    shop = Shop(app)
    with app.db.write() as session:
        campaign(app, session, shop.store, "price_dropped")
    look = EventHappened(
        name="product.viewed", person=Person(email="a@example.com"), at=NOW, properties={"product_id": 7}
    )
    shop.tell(ProductChanged(external_id="7", title="Cup", price=900))
    shop.tell(look)
    assert sweep(app) == []
    shop.tell(ProductChanged(external_id="7", title="Cup", price=700))
    assert len(sweep(app)) == 1
