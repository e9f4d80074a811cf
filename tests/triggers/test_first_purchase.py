"""First purchase: the first order that stands, once for each customer."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment, Order
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)


def test_only_the_first_order_that_stands_counts(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "first_purchase", after_hours=2)
        ada, ben, cleo = (make.customer(session, store, name) for name in ("Ada", "Ben", "Cleo"))
        make.order(session, store, ada, NOW - HOUR, "o1")
        make.order(session, store, ben, NOW - timedelta(days=50), "o2")
        make.order(session, store, ben, NOW - HOUR, "o3")
        make.order(session, store, cleo, NOW - timedelta(days=50), "o4", cancelled_at=NOW - timedelta(days=49))
        make.order(session, store, cleo, NOW - HOUR, "o5")
        make.order(session, store, None, NOW - HOUR, "o6")
    assert sweep(app) == []
    clock.turn(HOUR)
    assert sweep(app) == [("Ada", "first"), ("Cleo", "first")]


def test_two_orders_of_one_instant_are_one_first(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "first_purchase")
        ada = make.customer(session, store)
        make.order(session, store, ada, NOW, "o1")
        make.order(session, store, ada, NOW, "o2")
    assert sweep(app) == [("Ada", "first")]


def test_it_ends_when_the_order_is_paid_back(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "first_purchase", minimum=2000)
        order = make.order(session, store, make.customer(session, store), NOW)
        make.order(session, store, make.customer(session, store, "Ben"), NOW, "o2", total=1999)
    assert sweep(app) == [("Ada", "first")]
    with app.db.write() as session:
        session.get_one(Order, order.id).refunded = order.total
    advance(app, clock(), 10)
    with app.db.read() as session:
        reason = session.scalars(select(Enrolment.exit_reason)).one()
    assert reason == "no longer true: the order was not paid back in full"
