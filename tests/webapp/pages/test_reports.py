"""Reports as pages, as files and through the API."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask

from automation.actions import api_keys
from automation.app import App
from automation.insights.report import reports
from automation.models import Store
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor


@pytest.fixture
def sold(app: App, store: Store) -> None:
    with app.db.write() as session:
        make.order(session, store, make.customer(session, store), NOW, "o1", total=123456, refunded=3456)


@pytest.mark.usefixtures("sold")
def test_a_report_shows_its_figures_its_chart_and_what_they_mean(owner: Visitor) -> None:
    assert "/reports/revenue_per_day" in owner.get("/reports/").text
    page = owner.get("/reports/revenue_per_day?period=7d")
    assert page.status_code == 200
    assert "€1,234.56" in page.text
    assert "€1,200.00" in page.text
    assert "echart-view" in page.text
    assert "not cancelled since" in page.text


@pytest.mark.usefixtures("sold")
def test_the_same_table_comes_as_csv_with_decimal_amounts(owner: Visitor) -> None:
    answer = owner.get("/reports/revenue_per_day.csv?period=7d")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert answer.mimetype == "text/csv"
    assert rows[0] == ["day", "orders", "gross", "net"]
    assert rows[-1][1:] == ["1", "1234.56", "1200.00"]
    assert len(rows) == 8


def test_what_a_report_does_not_understand_is_said_and_the_usual_is_shown(owner: Visitor) -> None:
    for query, words in (
        ("period=soon", "is none of"),
        ("from=2026-01-01&to=x", "needs two dates"),
        ("segment=7", "no such segment"),
        ("against=x", "previous or year"),
    ):
        page = owner.get(f"/reports/revenue_per_day?{query}")
        assert page.status_code == 422
        assert words in page.text
        assert owner.get(f"/reports/revenue_per_day.csv?{query}").status_code == 422
    assert owner.get("/reports/nothing").status_code == 404
    assert owner.get("/reports/nothing.csv").status_code == 404


def test_every_report_opens_on_an_empty_store(owner: Visitor) -> None:
    for name in reports():
        assert owner.get(f"/reports/{name}").status_code == 200, name
        assert owner.get(f"/reports/{name}.csv").status_code == 200, name


@pytest.mark.usefixtures("sold")
def test_programs_read_a_report_with_a_key_that_may(app: App, store: Store, site: Flask) -> None:
    with app.db.write() as session:
        tokens = {
            scope: api_keys.make(app, session, store_id=store.id, name=scope, scopes=[scope], now=NOW)[1]
            for scope in ("reports:read", "customers:read")
        }

    def ask(path: str, scope: str = "reports:read") -> tuple[int, object]:
        answer = site.test_client().get(f"/api/v1/reports/{path}", headers={"Authorization": f"Bearer {tokens[scope]}"})
        return answer.status_code, answer.get_json()

    status, found = ask("revenue_per_day?period=7d")
    assert status == 200
    assert isinstance(found, dict)
    assert found["rows"][-1][1:] == [1, "1234.56", "1200.00"]
    assert found["columns"][3]["kind"] == "money"
    assert ask("revenue_per_day", "customers:read")[0] == 403
    assert ask("nothing")[0] == 404
    assert ask("revenue_per_day?period=x")[0] == 422
