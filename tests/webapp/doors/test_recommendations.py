"""The API's door to recommendations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from automation.actions import api_keys
from automation.app import App
from automation.insights.recommendations.refreshing import refresh
from tests import make
from tests.conftest import NOW


@pytest.fixture
def key(app: App) -> str:
    with app.db.write() as session:
        store = make.store(session)
        cup, saucer, spoon = (make.product(session, store, f"p{n}") for n in range(3))
        ada = make.customer(session, store)
        for n in range(2):
            make.order(session, store, None, NOW - timedelta(days=3), f"o{n}", products=(cup, saucer))
        make.order(session, store, ada, NOW - timedelta(days=3), "ada", products=(cup, spoon))
        token = api_keys.make(app, session, store_id=store.id, name="shop", scopes=["recommendations:read"], now=NOW)[1]
    while refresh(app, NOW, 500):
        pass
    return token


def ask(web: FlaskClient, key: str, query: str) -> tuple[int, Any]:
    answer = web.get(f"/api/v1/recommendations?{query}", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.get_json()


def test_a_shop_asks_for_a_customer_and_beside_a_product(web: FlaskClient, key: str) -> None:
    status, found = ask(web, key, "customer=ada@example.com&count=3")
    assert (status, found["currency"]) == (200, "EUR")
    assert [(i["product"], i["reason"]) for i in found["items"]] == [("p1", "for_you")]
    assert found["items"][0]["price"] == 1295
    _, beside = ask(web, key, "product=p0")
    assert [(i["product"], i["reason"]) for i in beside["items"]] == [("p1", "together"), ("p2", "trending")]


@pytest.mark.parametrize(
    ("query", "status"),
    [("customer=nobody", 404), ("product=nothing", 404), ("product=%00", 404), ("count=0", 422), ("count=51", 422)],
)
def test_what_is_not_there_is_told(web: FlaskClient, key: str, query: str, status: int) -> None:
    assert ask(web, key, query)[0] == status


def test_a_key_without_the_scope_learns_nothing(app: App, web: FlaskClient, key: str) -> None:
    with app.db.write() as session:
        store_id = make.store(session).id
        other = api_keys.make(app, session, store_id=store_id, name="x", scopes=["customers:read"], now=NOW)[1]
    status, found = ask(web, other, "")
    assert (status, found["missing_scopes"]) == (403, ["recommendations:read"])
