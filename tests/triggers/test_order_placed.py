"""Order placed: each order once, first or later ones only where that is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.app import App
from automation.clock import TurnableClock
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("which", "expected"), [("any", ["o1", "o2", "o3"]), ("first", ["o1", "o3"]), ("later", ["o2"])]
)
def test_each_order_starts_it(app: App, which: str, expected: list[str]) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "order_placed", which=which)
        ada = make.customer(session, store, "Ada")
        make.order(session, store, ada, NOW - 2 * HOUR, "o1")
        make.order(session, store, ada, NOW - HOUR, "o2")
        make.order(session, store, make.customer(session, store, "Ben"), NOW, "o3")
        make.order(session, store, make.customer(session, store, "Cleo"), NOW, "o4", cancelled_at=NOW)
        make.order(session, store, make.customer(session, store, "Dan"), NOW + HOUR, "o5")
    assert [key for _, key in sweep(app)] == expected
    assert [key for _, key in sweep(app)] == expected


def test_hours_after_and_a_minimum(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "order_placed", after_hours=24, minimum=2590)
        ada = make.customer(session, store)
        make.order(session, store, ada, NOW, "o1")
        make.order(session, store, ada, NOW, "o2", total=2589)
    clock.turn(24 * HOUR - timedelta(seconds=1))
    assert sweep(app) == []
    clock.turn(timedelta(seconds=1))
    assert sweep(app) == [("Ada", "o1")]
