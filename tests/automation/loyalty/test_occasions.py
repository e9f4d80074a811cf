from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, PointsEntry, Store
from automation.stages.settle import settle
from tests import make
from tests.automation.stages.test_settle import shop
from tests.conftest import NOW

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def given(app: App) -> list[tuple[int, str]]:
    with app.db.read() as session:
        return [(row.points, row.reason) for row in session.scalars(select(PointsEntry).order_by(PointsEntry.id))]


def test_signing_up_gives_points_once_and_only_since_the_programme_started(app: App) -> None:
    store_id, _ = shop(app, sign_up=50)
    with app.db.write() as session:
        # The shop's own customer agreed a hundred days ago: that earns nothing.
        ben = make.customer(session, session.get_one(Store, store_id), "Ben", consent=False)
        for ago, status in ((9, "granted"), (8, "withdrawn"), (7, "granted")):
            make.agree(session, ben, status, NOW - ago * MINUTE)
    settle(app, NOW, 10)
    settle(app, NOW, 10)
    assert given(app) == [(50, "Signed up")]


def test_a_birthday_gives_points_once_a_year_also_when_the_date_is_moved(app: App, clock: TurnableClock) -> None:
    _, ada = shop(app, birthday=100, expire_days=0)

    def born(month: int, day: int) -> None:
        with app.db.write() as session:
            row = session.get_one(Customer, ada)
            row.birthday_month, row.birthday_day = month, day

    born(3, 10)
    for _ in range(2):
        settle(app, clock(), 10)
    assert given(app) == [(100, "Birthday")]
    born(3, 12)
    for _ in range(3):
        clock.turn(DAY)
        settle(app, clock(), 10)
    assert len(given(app)) == 1
    clock.turn(365 * DAY - 1 * DAY)
    settle(app, clock(), 10)
    assert len(given(app)) == 2


@pytest.mark.parametrize(("each", "times"), [("time", 4), ("product", 2), ("day", 2), ("customer", 1)])
def test_an_event_gives_points_as_often_as_its_rule_says(app: App, each: str, times: int) -> None:
    rule: dict[str, Any] = {"event": "review.left", "points": 20, "each": each, "words": "A review"}
    store_id, ada = shop(app, events=[rule])
    with app.db.write() as session:
        store, who = session.get_one(Store, store_id), session.get_one(Customer, ada)
        cup, tray = make.product(session, store, "cup"), make.product(session, store, "tray")
        for product, ago in ((cup, 2 * MINUTE), (cup, 3 * MINUTE), (tray, 20 * 60 * MINUTE), (tray, 2 * MINUTE)):
            make.event(session, store, who, "review.left", NOW - ago, product=product)
        make.event(session, store, who, "review.left", NOW - 2 * DAY)  # before the programme
        make.event(session, store, None, "review.left", NOW - MINUTE)
    settle(app, NOW, 10)
    settle(app, NOW, 10)
    assert given(app) == [(20, "A review")] * times
