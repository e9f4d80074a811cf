from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment, Order, Store
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

DAY = timedelta(days=1)


def scene(app: App, totals: dict[str, tuple[int, ...]]) -> Store:
    """A store whose customers paid so much, the last time a day ago; 100.00 is the amount that counts."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "total_spent", amount=10_000)
        for name, paid in totals.items():
            who = make.customer(session, store, name)
            for n, total in enumerate(reversed(paid)):
                make.order(session, store, who, NOW - DAY - timedelta(weeks=n), f"{name}{len(paid) - n}", total=total)
    return store


def test_the_order_that_carries_the_sum_over_the_amount_starts_it(app: App) -> None:
    scene(app, {"Ada": (5_000, 4_999), "Ben": (5_000, 5_000), "Cleo": (12_000, 500), "Dan": (10_000,)})
    assert sweep(app) == [("Ben", "10000"), ("Dan", "10000")]


def test_what_went_back_is_taken_off(app: App) -> None:
    scene(app, {"Ada": (6_000, 6_000), "Ben": (6_000, 6_000), "Cleo": (6_000, 6_000)})
    with app.db.write() as session:
        session.scalars(select(Order).where(Order.external_id == "Ada1")).one().refunded = 2_001
        session.scalars(select(Order).where(Order.external_id == "Ben1")).one().cancelled_at = NOW - DAY
    assert sweep(app) == [("Cleo", "10000")]


def test_an_amount_is_reached_once(app: App, clock: TurnableClock) -> None:
    store = scene(app, {"Ada": (10_000,)})
    assert sweep(app) == [("Ada", "10000")]
    with app.db.write() as session:
        first = session.scalars(select(Order)).one()
        first.refunded = 9_000
        make.order(session, store, make.customer(session, store, "Ben"), NOW, "b", total=1)
        again = make.order(session, store, None, NOW, "again", total=20_000)
        again.customer_id = first.customer_id
    clock.turn(DAY)
    assert sweep(app) == [("Ada", "10000")]


def test_a_refund_before_the_mail_keeps_it_back(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": (10_000,)})
    assert sweep(app) == [("Ada", "10000")]
    with app.db.write() as session:
        session.scalars(select(Order)).one().refunded = 1
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == (
            "no longer true: the customer has spent the amount"
        )
