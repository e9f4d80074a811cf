from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.changes import EventHappened, Person, ProductChanged, VariantState
from automation.clock import TurnableClock
from automation.models import Customer, Enrolment, Product, Store
from automation.stages.advance import advance
from tests import make
from tests.automation.intake.shop import Shop
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)
PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve")


def queue(app: App, **settings: Any) -> tuple[Store, Product]:
    """Five customers who wait for a cup that is sold out, Ada the longest."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "back_in_stock", **settings)
        cup = make.product(session, store, "cup", stock=0)
        for n, name in enumerate(PEOPLE):
            wait(app, session, store, name, cup, 10 - n)
        return store, cup


def wait(app: App, session: Any, store: Store, name: str, cup: Product, days: float, **more: Any) -> None:
    who = make.customer(session, store, name)
    make.event(session, store, who, "product.stock_wanted", NOW - days * DAY, product=cup, **more)


def arrive(app: App, cup: Product, stock: int, name: str = "product.back_in_stock", **more: Any) -> None:
    with app.db.write() as session:
        session.get_one(Product, cup.id).stock = stock
        store = session.get_one(Store, cup.store_id)
        make.event(session, store, None, name, app.clock(), product=cup, stock=stock, **more)


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


def test_the_longest_waiting_are_told_first_so_many_per_piece(app: App, clock: TurnableClock) -> None:
    _, cup = queue(app, per_unit=1.5)
    assert names(app) == []
    arrive(app, cup, 2)
    assert names(app) == ["Ada", "Ben", "Cleo"]
    clock.turn(timedelta(hours=1))
    assert names(app) == ["Ada", "Ben", "Cleo"]


def test_who_was_left_out_is_first_at_the_next_delivery(app: App, clock: TurnableClock) -> None:
    _, cup = queue(app, per_unit=2)
    arrive(app, cup, 1)
    assert names(app) == ["Ada", "Ben"]
    clock.turn(DAY)
    arrive(app, cup, 1, "product.restocked")
    assert names(app) == ["Ada", "Ben", "Cleo", "Dan"]


def test_a_delivery_below_the_least_tells_nobody(app: App, clock: TurnableClock) -> None:
    _, cup = queue(app, least=3)
    arrive(app, cup, 2)
    assert names(app) == []
    clock.turn(DAY)
    arrive(app, cup, 5, "product.restocked")
    assert names(app) == list(PEOPLE)


def test_who_bought_it_meanwhile_leaves_the_line_to_the_next(app: App) -> None:
    store, cup = queue(app, per_unit=1)
    with app.db.write() as session:
        ada = make.order(session, store, None, NOW - DAY, products=(cup,))
        ada.customer_id = 1
    arrive(app, cup, 2)
    assert names(app) == ["Ben", "Cleo"]


def test_wishes_grow_old_and_asking_twice_is_asking_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "back_in_stock", per_unit=1, waits_days=30)
        cup = make.product(session, store, "cup", stock=0)
        wait(app, session, store, "Ada", cup, 31)
        wait(app, session, store, "Ben", cup, 5)
        wait(app, session, store, "Cleo", cup, 3)
        make.event(session, store, session.get_one(Customer, 2), "product.stock_wanted", NOW - 4 * DAY, product=cup)
    arrive(app, cup, 2)
    assert names(app) == ["Ben", "Cleo"]


def test_a_wish_for_one_size_waits_for_that_size(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "back_in_stock")
        cup = make.product(session, store, "cup", stock=0)
        wait(app, session, store, "Ada", cup, 3, variant_id="small")
        wait(app, session, store, "Ben", cup, 2, variant_id="large")
        wait(app, session, store, "Cleo", cup, 1)
    arrive(app, cup, 4, "variant.back_in_stock", variant_id="large")
    assert names(app) == ["Ben"]
    arrive(app, cup, 4)
    assert names(app) == ["Ben", "Cleo"]


def test_stock_is_asked_again_before_the_mail(app: App, clock: TurnableClock) -> None:
    _, cup = queue(app, per_unit=1)
    arrive(app, cup, 1)
    assert names(app) == ["Ada"]
    with app.db.write() as session:
        session.get_one(Product, cup.id).stock = 0
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == "no longer true: it is still in stock"


def test_from_the_shops_news_to_the_line(app: App) -> None:
    shop = Shop(app)
    with app.db.write() as session:
        campaign(app, session, shop.store, "back_in_stock")
    told = [VariantState(external_id="s", price=900, stock=0), VariantState(external_id="l", price=900, stock=3)]
    shop.tell(ProductChanged(external_id="7", title="Cup", variants=told))
    for name, variant in {"ada": "s", "ben": "l"}.items():
        properties = {"product_id": 7, "variant_id": variant}
        person = Person(email=f"{name}@example.com")
        shop.tell(EventHappened(name="product.stock_wanted", person=person, at=NOW - DAY, properties=properties))
    told[0] = VariantState(external_id="s", price=900, stock=2)
    shop.tell(ProductChanged(external_id="7", title="Cup", variants=told))
    sweep(app)
    assert [shop.one(Customer, id=e.customer_id).email for e in shop.rows(Enrolment)] == ["ada@example.com"]
