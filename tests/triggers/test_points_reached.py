from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Enrolment, PointsEntry
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)


def line(session: Session, who: Customer, points: int, hours_ago: float, **values: Any) -> PointsEntry:
    """A line of a customer's ledger."""
    kind = "earn" if points > 0 else "spend"
    defaults: dict[str, Any] = {"kind": kind, "at": NOW - hours_ago * HOUR}
    row = PointsEntry(store_id=who.store_id, customer_id=who.id, points=points, **{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def scene(app: App, ledgers: dict[str, list[int]], **settings: Any) -> None:
    """Customers whose ledgers have these lines, an hour apart, the last one now."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "points_reached", points=500, **settings)
        for name, points in ledgers.items():
            who = make.customer(session, store, name)
            for n, given in enumerate(reversed(points)):
                line(session, who, given, n)


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


def test_the_line_that_carries_the_balance_over_the_number_starts_it(app: App) -> None:
    scene(app, {"Ada": [499], "Ben": [500], "Cleo": [400, 200], "Dan": [400, -300, 200], "Eve": [600, 50]})
    assert names(app) == ["Ben", "Cleo", "Eve"]


def test_what_was_spent_again_is_not_there(app: App) -> None:
    scene(app, {"Ada": [600, -200], "Ben": [600, -100]})
    assert names(app) == ["Ben"]


def test_each_time_or_once_for_good(app: App, clock: TurnableClock) -> None:
    again = [500, -400, 400]
    scene(app, {"Ada": again})
    assert names(app) == ["Ada", "Ada"]
    with app.db.write() as session:
        store = make.store(session, name="Another")
        campaign(app, session, store, "points_reached", points=500, each="customer")
        who = make.customer(session, store, "Ben")
        for n, given in enumerate(again):
            line(session, who, given, 2 - n)
    assert names(app) == ["Ada", "Ada", "Ben"]


def test_spending_them_before_the_mail_keeps_it_back(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": [500]})
    assert names(app) == ["Ada"]
    with app.db.write() as session:
        line(session, session.scalars(select(Customer)).one(), -1, 0)
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == "no longer true: the points are still there"
