"""A cart that was left starts its campaign once, and only while it is still true."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Cart, Enrolment, Store
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW

IDLE = timedelta(minutes=30)


@pytest.fixture
def store(app: App) -> Store:
    """A store with a live cart campaign."""
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store)
    return store


def entered(app: App) -> list[str]:
    """The keys of everybody who is enrolled, after one sweep."""
    enrol(app, app.clock(), 1000)
    with app.db.read() as session:
        return list(session.scalars(select(Enrolment.key).order_by(Enrolment.key)))


def test_a_cart_starts_the_campaign_after_half_an_hour_and_not_before(
    app: App, clock: TurnableClock, store: Store
) -> None:
    with app.db.write() as session:
        make.cart(session, store, make.customer(session, store), left_at=NOW)
    clock.turn(IDLE - timedelta(seconds=1))
    assert entered(app) == []
    clock.turn(timedelta(seconds=1))
    assert enrol(app, clock(), 1000) == 1
    assert entered(app) == ["c1"]


def test_a_cart_starts_the_campaign_once_however_often_it_is_left(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        cart = make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE)
    assert entered(app) == ["c1"]
    assert entered(app) == ["c1"]
    with app.db.write() as session:
        session.get_one(Cart, cart.id).last_activity_at = clock.turn(timedelta(days=10))
    clock.turn(IDLE)
    assert entered(app) == ["c1"]


def test_a_second_cart_within_seven_days_waits_for_the_cooldown(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
    assert entered(app) == ["c1"]
    clock.turn(timedelta(days=6))
    with app.db.write() as session:
        make.cart(session, store, ada, left_at=clock() - IDLE, external_id="c2")
    assert entered(app) == ["c1"]
    clock.turn(timedelta(days=2))
    with app.db.write() as session:
        make.cart(session, store, ada, left_at=clock() - IDLE, external_id="c3")
    assert entered(app) == ["c1", "c3"]


def test_of_two_carts_left_together_the_newer_one_counts(app: App, store: Store) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE * 3)
        make.cart(session, store, ada, left_at=NOW - IDLE * 2, external_id="c2")
    assert entered(app) == ["c2"]


def test_an_order_since_the_cart_was_left_keeps_the_customer_out(app: App, store: Store) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
        make.order(session, store, ada, placed_at=NOW - timedelta(minutes=1))
    assert entered(app) == []


def test_an_order_before_the_cart_was_left_does_not(app: App, store: Store) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.order(session, store, ada, placed_at=NOW - timedelta(days=1))
        make.cart(session, store, ada, left_at=NOW - IDLE)
    assert entered(app) == ["c1"]


@pytest.mark.parametrize(
    "change",
    [
        {"item_count": 0},
        {"ordered_at": NOW - timedelta(minutes=5)},
        {"deleted_at": NOW - timedelta(minutes=5)},
        {"customer_id": None},
        {"last_activity_at": NOW - timedelta(hours=49)},
        {"last_activity_at": NOW - timedelta(minutes=5)},
    ],
    ids=["emptied", "ordered", "deleted", "nobody's", "too long ago", "touched again"],
)
def test_a_cart_that_is_not_waiting_for_its_owner_starts_nothing(
    app: App, store: Store, change: dict[str, object]
) -> None:
    with app.db.write() as session:
        cart = make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE)
        for name, value in change.items():
            setattr(cart, name, value)
    assert entered(app) == []


def test_a_cart_of_things_that_are_sold_out_starts_nothing(app: App, store: Store) -> None:
    with app.db.write() as session:
        gone = make.product(session, store, stock=0)
        there = make.product(session, store, "p2")
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        make.cart(session, store, ada, left_at=NOW - IDLE, products=(gone,))
        make.cart(session, store, ben, left_at=NOW - IDLE, external_id="c2", products=(gone, there))
    assert entered(app) == ["c2"]


def test_carts_left_before_the_campaign_went_live_start_nothing(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store).live_since = NOW
        make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE - timedelta(seconds=1))
        make.cart(session, store, make.customer(session, store, "Ben"), left_at=NOW - IDLE, external_id="c2")
    assert entered(app) == ["c2"]


def test_downtime_of_a_day_is_caught_up(app: App, clock: TurnableClock, store: Store) -> None:
    with app.db.write() as session:
        make.cart(session, store, make.customer(session, store), left_at=NOW)
    clock.turn(timedelta(days=1))
    assert entered(app) == ["c1"]


def test_only_checkouts_start_a_campaign_that_asks_for_them(app: App) -> None:
    trigger = {"kind": "cart_abandoned", "settings": {"intent": "checkout"}}
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, trigger=trigger)
        make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE)
        ben = make.customer(session, store, "Ben")
        make.cart(session, store, ben, left_at=NOW - IDLE, external_id="c2", checkout_at=NOW - IDLE)
    assert entered(app) == ["c2"]


def test_another_stores_carts_are_not_ours(app: App, store: Store) -> None:
    with app.db.write() as session:
        other = make.store(session, name="Another")
        make.cart(session, other, make.customer(session, other), left_at=NOW - IDLE)
    assert entered(app) == []


def test_a_cheap_cart_is_left_alone_when_a_minimum_is_set(app: App) -> None:
    trigger = {"kind": "cart_abandoned", "settings": {"minimum": 5000}}
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, trigger=trigger)
        make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE, total=4999)
        make.cart(session, store, make.customer(session, store, "Ben"), NOW - IDLE, "c2", total=5000)
    assert entered(app) == ["c2"]


def test_a_campaign_for_carts_lets_go_of_whoever_begins_to_pay(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, trigger={"kind": "cart_abandoned", "settings": {"intent": "cart"}})
        cart = make.cart(session, store, make.customer(session, store), left_at=NOW - IDLE)
        ben = make.customer(session, store, "Ben")
        make.cart(session, store, ben, left_at=NOW - IDLE, external_id="c2", checkout_at=NOW - IDLE)
    assert entered(app) == ["c1"]
    with app.db.write() as session:
        session.get_one(Cart, cart.id).checkout_at = NOW
    advance(app, clock.turn(timedelta(hours=1)), 10)
    with app.db.read() as session:
        reason = session.scalars(select(Enrolment.exit_reason)).one()
    assert reason == "no longer true: the customer had not begun to pay"
