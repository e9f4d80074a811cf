"""Experiments and alerts as an admin sees them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import alerts
from automation.actions import api_keys
from automation.alerts import Day, Series
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Alert, Measurement
from automation.stages.measure import measure
from tests.automation.insights.experiments.shop import DAY, Shop
from tests.automation.steps.flows import mail, node
from tests.conftest import NOW
from tests.webapp.visitor import Visitor
from webapp.intervals import scale


@pytest.fixture
def shop(app: App, clock: TurnableClock) -> int:
    """A campaign with a holdout and an A/B test, both measured; the store's id."""
    flow = [node("t", "ab_test", {"short": [mail("x")], "long": [mail("y")]}, arms=["short", "long"])]
    with app.db.write() as session:
        shop = Shop(app, session, flow=flow, holdout_percent=20)
        shop.campaign.name = "Carts <left>"
        people = shop.people(500)
        shop.enter(people, NOW - 5 * DAY, percent=20)
        drawn = shop.pick("t", ["short", "long"], NOW - 5 * DAY)
        shop.buy([who for who in people if not shop.is_held(who, 20)][:80], NOW - 4 * DAY, 10_000)
        shop.buy([who for who in people if shop.is_held(who, 20)][:10], NOW - 4 * DAY, 10_000)
        shop.click([who for who, arm in drawn.items() if arm == "short"][:30], NOW - 4 * DAY)
        found = shop.store.id
    while measure(app, clock(), 10):
        pass
    return found


def strayed(session: Session, store_id: int) -> Alert:
    """An alert of yesterday."""
    on = (NOW - DAY).date()
    days = {on - timedelta(days=n): Day(100) for n in range(1, 71)} | {on: Day(3)}
    series = Series("campaign/1/volume", "Mails sent by Carts", "count", days, "/campaigns/x")
    found = alerts.check(session, store_id, series, on, NOW)
    assert found is not None
    return found


def test_experiments_are_told_in_words_with_their_spans_drawn(shop: int, keeper: Visitor) -> None:
    page = keeper.get("/experiments/")
    assert "Carts &lt;left&gt;" in page
    assert "20 % held out" in page
    assert "Not enough data yet" in page or "Leaning" in page
    assert page.count('class="interval ') == 4, "orders and revenue of the holdout, and two ways"
    assert "likely the best" in page
    assert "style=" not in page.partition("<main")[2]


def test_each_experiment_has_a_page_with_its_figures_and_how_they_are_made(
    app: App, shop: int, keeper: Visitor
) -> None:
    with app.db.read() as session:
        numbers = {row.kind: row.id for row in session.scalars(select(Measurement))}
    holdout = keeper.get(f"/experiments/{numbers['holdout']}")
    assert "Miettinen and Nurminen" in holdout
    assert "customers mailed" in holdout
    tested = keeper.get(f"/experiments/{numbers['ab_test']}")
    assert "mixture likelihood ratio" in tested
    assert "Revenue per person" in tested
    assert keeper.ask("/experiments/999999").status_code == 404


def test_the_tables_come_as_csv_and_by_the_api(app: App, shop: int, keeper: Visitor, rooms: Flask) -> None:
    rows = list(csv.DictReader(io.StringIO(keeper.get("/reports/holdouts.csv"))))
    assert [(row["mailed"], row["held"]) for row in rows] != []
    assert int(rows[0]["mailed"]) + int(rows[0]["held"]) == 500
    assert float(rows[0]["conversion_low"]) < float(rows[0]["conversion_lift"]) < float(rows[0]["conversion_high"])
    ways = list(csv.DictReader(io.StringIO(keeper.get("/reports/ab_tests.csv"))))
    assert [row["way"] for row in ways] == ["short", "long"]
    assert float(ways[0]["chance"]) > 0.99
    with app.db.write() as session:
        token = api_keys.make(app, session, store_id=shop, name="r", scopes=["reports:read"], now=NOW)[1]
    answer = rooms.test_client().get("/api/v1/reports/holdouts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["rows"][0][5] == int(rows[0]["mailed"])


def test_an_empty_store_is_told_how_to_begin(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        Shop(app, session)
    page = keeper.get("/experiments/")
    assert "Nothing is compared yet" in page
    assert "All is as usual" in keeper.get("/alerts/")


def test_alerts_are_on_home_until_they_are_seen_to_and_may_be_muted(app: App, keeper: Visitor) -> None:
    with app.db.write() as session:
        store_id = Shop(app, session).store.id
        first = strayed(session, store_id).id
    assert "Out of the ordinary" in keeper.get("/")
    assert "Mails sent by Carts: 3 on Monday" in keeper.get("/alerts/")
    assert keeper.post(f"/alerts/{first}/dismiss", back="home").headers["Location"] == "/"
    assert "Out of the ordinary" not in keeper.get("/")
    assert keeper.post(f"/alerts/{first}/mute", days="soon").status_code == 422
    assert keeper.post("/alerts/9999/mute", days="30").status_code == 404
    assert keeper.post(f"/alerts/{first}/mute", days="30").status_code == 303
    page = keeper.get("/alerts/")
    assert "Hear of it again" in page
    assert keeper.post("/alerts/unmute", series="campaign/1/volume").status_code == 303
    assert "Hear of it again" not in keeper.get("/alerts/")


def test_a_viewer_sees_alerts_and_changes_nothing(app: App, onlooker: Visitor) -> None:
    with app.db.write() as session:
        store_id = Shop(app, session).store.id
        first = strayed(session, store_id).id
    assert "Seen<" not in onlooker.get("/alerts/")
    assert onlooker.post(f"/alerts/{first}/dismiss").status_code == 403


def test_a_drawing_keeps_its_order_and_lets_a_wide_span_run_out_of_it() -> None:
    found = scale([(1.0, 2.0, 3.0, -50.0, 90.0)])
    assert found is not None
    line = found.lines[0]
    assert found.zero is not None
    assert 0 == line.wide_low < found.zero < line.low < line.middle < line.high < line.wide_high == 1000
    assert scale([]) is None
    assert scale([(0.0, 0.0, 0.0, None, None)]) is None
    above = scale([(5.0, 6.0, 7.0, None, None)], with_zero=False)
    assert above is not None
    assert above.zero is None
