"""The RFM map, expected values and lead scores as pages, and what a person may choose there."""

from __future__ import annotations

import csv
import html
import io

import pytest
from sqlalchemy import select

from automation.app import App
from automation.insights.value.scoring import standards
from automation.models import Customer, CustomerScore, Store, ValueModel
from tests import make
from tests.automation.insights.value.shops import fill, score_of, segment, settle
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


@pytest.fixture
def sold(app: App, store: Store) -> None:
    with app.db.write() as session:
        fill(session, store, 80)
    settle(app)


def _rows(visitor: Visitor, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(visitor.get(f"/reports/{name}.csv").text)))


@pytest.mark.usefixtures("sold")
def test_the_map_the_groups_and_the_scores_count_every_customer_once(app: App, owner: Visitor) -> None:
    page = owner.get("/values/rfm").text
    assert "echart-view" in page
    assert "Must not be lost" in page
    fields, groups = _rows(owner, "rfm_map"), _rows(owner, "rfm_groups")
    assert len(fields) == 25
    assert sum(int(row["customers"]) for row in fields) == sum(int(row["customers"]) for row in groups) == 80
    assert sum(float(row["share"]) for row in groups) == pytest.approx(1)
    expected = _rows(owner, "customer_value")
    assert sum(int(row["customers"]) for row in expected) == 80
    with app.db.read() as session:
        total = sum(value or 0 for value in session.scalars(select(CustomerScore.lifetime_value)))
    assert round(sum(float(row["total"]) for row in expected) * 100) == total
    assert sum(int(row["customers"]) for row in _rows(owner, "lead_scores")) == 80
    assert "By <strong>averages of cohorts</strong>" in owner.get("/values/").text


@pytest.mark.usefixtures("sold")
def test_reports_can_be_asked_of_a_segment(app: App, store: Store, owner: Visitor) -> None:
    with app.db.write() as session:
        some = segment(session, store, {"field": "country", "is": "is", "value": "DE"})
    every = {name: _rows(owner, name) for name in ("rfm_map", "rfm_groups", "customer_value", "lead_scores")}
    for name, rows in every.items():
        few = list(csv.DictReader(io.StringIO(owner.get(f"/reports/{name}.csv?segment={some.id}").text)))
        assert 0 < sum(int(r["customers"]) for r in few) < sum(int(r["customers"]) for r in rows), name


@pytest.mark.usefixtures("sold")
def test_own_thresholds_take_the_place_of_quantiles_and_move_customers(app: App, store: Store, owner: Visitor) -> None:
    def typed(*cuts: str) -> dict[str, str]:
        return {f"monetary_{i}": cut for i, cut in enumerate(cuts)}

    refused = owner.post("/values/rfm", typed("10", "5", "20", "30"))
    assert refused.status_code == 422
    assert "four numbers" in refused.text
    assert 'value="5"' in refused.text
    assert owner.post("/values/rfm", typed("10", "", "20", "x")).status_code == 422
    assert owner.post("/values/rfm", typed("0.01", "0.02", "0.03", "0.04")).status_code == 303
    settle(app)
    with app.db.read() as session:
        assert standards(session, [store.id])[store.id].thresholds.monetary == (1, 2, 3, 4)
        assert set(session.scalars(select(CustomerScore.monetary)).all()) == {5}
    assert owner.post("/values/rfm", {}).status_code == 303
    settle(app)
    with app.db.read() as session:
        assert len(set(session.scalars(select(CustomerScore.monetary)).all())) == 5


@pytest.mark.usefixtures("sold")
def test_a_longer_horizon_makes_customers_worth_more(app: App, owner: Visitor) -> None:
    with app.db.read() as session:
        before = sum(value or 0 for value in session.scalars(select(CustomerScore.lifetime_value)))
    assert owner.post("/values/", {"horizon_days": "5"}).status_code == 422
    assert owner.post("/values/", {"horizon_days": "730"}).status_code == 303
    settle(app)
    with app.db.read() as session:
        assert sum(value or 0 for value in session.scalars(select(CustomerScore.lifetime_value))) > before


def test_lines_of_the_lead_score_are_typed_refused_stored_and_taken_back(
    app: App, store: Store, owner: Visitor
) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        make.event(session, store, ada, "review.left", NOW)
    settle(app)
    assert "places an order" in owner.get("/values/lead").text
    line = {"what_0": "other", "event_0": "review.left", "points_0": "many", "half_life_days_0": "30", "most_0": "50"}
    refused = owner.post("/values/lead", line)
    assert refused.status_code == 422
    assert 'value="many"' in refused.text
    assert "Line 1" in refused.text
    for wrong in ({"event_0": "No Event!"}, {"points_0": "0"}, {"half_life_days_0": "0"}, {"what_0": "segment:7"}):
        assert owner.post("/values/lead", {**line, "points_0": "7", **wrong}).status_code == 422
    assert owner.post("/values/lead", {**line, "points_0": "7"}).status_code == 303
    settle(app)
    assert score_of(app, ada.id).lead_score == 7
    assert owner.post("/values/lead", {"usual": "1"}).status_code == 303
    settle(app)
    assert score_of(app, ada.id).lead_score == 0


@pytest.mark.usefixtures("sold")
def test_a_customers_page_shows_the_group_the_value_and_the_next_order(app: App, owner: Visitor) -> None:
    with app.db.read() as session:
        ada = session.get_one(Customer, 3)
    page = html.unescape(owner.get(f"/customers/{ada.public_id}").text)
    for words in ("Lifetime value", "in 365 days", "Next order", "Where these come from"):
        assert words in page, words
    page = html.unescape(owner.get(f"/values/of/{ada.public_id}").text)
    for words in ("Lead score at this moment", "averages of cohorts", "Places an order"):
        assert words in page, words
    assert owner.get("/values/of/nobody").status_code == 404


def test_a_fitted_model_is_shown_with_its_formulas_and_parameters(app: App, store: Store, owner: Visitor) -> None:
    figures = {
        "order_average": 3500.0,
        "reached": [2357, 946, 500, 300, 200, 100, 50],
        "gaps": [70.0] * 6,
        "amounts": [3500.0] * 6,
        "thresholds": {"recency": [10, 20, 30, 40], "frequency": [1, 2, 3, 4], "monetary": [1, 2, 3, 4]},
        "purchasing": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        "spending": {"p": 6.25, "q": 3.74, "gamma": 1544.0},
        "likelihood": -9582.4,
        "correlation": 0.11,
    }
    fitted = ValueModel(
        store_id=store.id, fitted_at=NOW, method="bg_nbd", buyers=2357, repeaters=946, sampled=2357, figures=figures
    )
    with app.db.write() as session:
        session.add(fitted)
    page = html.unescape(owner.get("/values/").text)
    for words in ("BG/NBD", "0.2430", "4.414 weeks", "-9,582.4", "6.250", "€35.22", "₂F₁", "500 buyers: 2,357"):
        assert words in page, words


def test_before_the_first_order_pages_say_what_to_do(owner: Visitor, store: Store) -> None:
    assert store
    for path, words in (
        ("/values/", "Nothing can be expected yet"),
        ("/values/rfm", "Nobody has bought yet"),
        ("/values/lead", "Nobody has a score yet"),
        ("/personas/", "No personas yet"),
        ("/personas/proposals", "Not enough buyers yet"),
        ("/personas/new", "Every segment has a face already"),
    ):
        page = owner.get(path)
        assert page.status_code == 200
        assert words in page.text
