from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from automation import storefront
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Cart, CartItem, Customer, Enrolment, Event, Store, Visitor
from automation.stages.enrol import enrol
from automation.storefront import Heard, Report, Storefront
from tests import make
from tests.automation.platforms.mutants import raw_mutant
from tests.conftest import NOW
from tests.webapp.statements import counted
from webapp.assets import built

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what writes nothing that the others do not."""
SHOP = "https://wren.example.com"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VISITOR = "0123456789abcdef0123456789abcdef"


class Shop:
    """A shop's page in a browser."""

    def __init__(self, app: App, web: FlaskClient, key: str) -> None:
        self.app, self.web, self.key = app, web, key

    def tell(self, *events: dict[str, Any], origin: str = SHOP, visitor: str = VISITOR, **headers: str) -> TestResponse:
        sent = {"Origin": origin, "User-Agent": AGENT, "Content-Type": "text/plain", **headers}
        body = orjson.dumps({"visitor": visitor, "events": list(events)})
        return self.web.post(f"/s/{self.key}/events", data=body, headers=sent)

    def rows(self, model: type[Any]) -> list[Any]:
        with self.app.db.read() as session:
            found = list(session.scalars(select(model)))
            session.expunge_all()
        return found

    def set(self, **values: Any) -> None:
        with self.app.db.write() as session:
            storefront.save(session, self.rows(Store)[0].id, Storefront(origins=SHOP, **values), NOW)


@pytest.fixture
def shop(app: App, web: FlaskClient) -> Shop:
    with app.db.write() as session:
        store = make.store(session, url=f"{SHOP}/en")
        make.customer(session, store, "Ada")
        make.product(session, store, "p1")
        return Shop(app, web, store.public_id)


IDENTIFY = {"type": "identify", "email": "Ada@example.com"}
LOOK = {"type": "product", "product_id": "p1", "path": "/products/1"}


def test_what_a_known_visitor_looks_at_becomes_events(shop: Shop) -> None:
    answer = shop.tell(
        IDENTIFY, {"type": "page", "path": "/"}, {**LOOK, "at": 60_000}, {"type": "search", "query": "cup"}
    )
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in answer.headers
    found = {e.name: e for e in shop.rows(Event)}
    assert set(found) == {"page.viewed", "product.viewed", "site.searched"}
    look = found["product.viewed"]
    assert (look.at, look.properties["product_id"]) == (NOW - timedelta(minutes=1), "p1")
    assert look.product_id is not None
    assert found["site.searched"].properties["query"] == "cup"
    assert shop.rows(Customer)[0].engaged_at == NOW
    shop.tell(LOOK)
    assert len(shop.rows(Event)) == 4


def test_nobody_is_made_and_the_answer_tells_nothing(shop: Shop) -> None:
    answers = [shop.tell({"type": "identify", "email": email}, LOOK) for email in ("ada@example.com", "no@example.com")]
    assert answers[0].status_code == answers[1].status_code == 204
    assert len(shop.rows(Customer)) == 1
    assert len(shop.rows(Event)) == 1
    shop.tell(LOOK, visitor="f" * 32)
    assert len(shop.rows(Event)) == 1


@ON_ONE
def test_another_person_at_the_same_browser_is_not_taken_for_the_one_before(shop: Shop) -> None:
    shop.tell(IDENTIFY)
    shop.tell({"type": "identify", "email": "guest@example.com"})
    shop.tell(LOOK)
    assert shop.rows(Event) == shop.rows(Visitor) == []


@ON_ONE
def test_other_pages_are_not_heard(shop: Shop) -> None:
    for origin in ("https://evil.example.com", "null", "", f"{SHOP}.evil.example.com"):
        answer = shop.tell(IDENTIFY, LOOK, origin=origin)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
        asked = shop.web.options(f"/s/{shop.key}/events", headers={"Origin": origin})
        assert asked.status_code == 403
    assert shop.rows(Event) == shop.rows(Visitor) == []


@ON_ONE
def test_who_asks_not_to_be_followed_is_not_and_robots_are_nobody(shop: Shop) -> None:
    for headers in ({"Sec-GPC": "1"}, {"DNT": "1"}, {"User-Agent": "Googlebot/2.1"}, {"User-Agent": ""}):
        assert shop.tell(IDENTIFY, LOOK, **headers).status_code == 204
    assert shop.rows(Event) == shop.rows(Visitor) == []


@ON_ONE
def test_a_store_can_do_without(shop: Shop) -> None:
    shop.set(tells=False)
    assert shop.tell(IDENTIFY, LOOK).status_code == 204
    assert shop.rows(Event) == []
    assert '"tells":false' in shop.web.get(f"/s/{shop.key}.js").text


@ON_ONE
def test_what_is_too_large_too_often_or_no_report_is_turned_away(shop: Shop) -> None:
    assert shop.tell({"type": "search", "query": "x" * 20_000}).status_code == 413
    assert shop.tell({"type": "nonsense"}).status_code == 400
    assert shop.tell(*[LOOK] * 21).status_code == 400
    assert shop.tell(LOOK, visitor="short").status_code == 400
    codes = {shop.tell(LOOK).status_code for _ in range(40)}
    assert codes == {204, 429}


def test_a_cart_holds_what_the_shop_told_us_and_nothing_that_a_browser_says(shop: Shop) -> None:
    cart = {
        "type": "cart",
        "cart_id": "c1",
        "items": [
            {"product_id": "p1", "quantity": 2, "title": "You have won", "price": 1},
            {"product_id": "unheard of", "title": "evil.example.com"},
        ],
    }
    shop.tell(IDENTIFY, cart)
    assert shop.rows(Cart) == []
    assert [e.name for e in shop.rows(Event)] == ["cart.seen"]
    shop.set(tells_carts=True)
    shop.tell(cart)
    [found] = shop.rows(Cart)
    [item] = shop.rows(CartItem)
    assert (found.external_id, found.total) == ("storefront:c1", 2590)
    assert (item.title, item.quantity, item.price) == ("Teacup p1", 2, 1295)


@ON_ONE
def test_a_look_that_comes_to_nothing_starts_the_browse_campaign(shop: Shop, clock: TurnableClock) -> None:
    with shop.app.db.write() as session:
        store = session.scalars(select(Store)).one()
        trigger = {"kind": "browse_abandoned", "settings": {"idle_minutes": 60}}
        make.campaign(shop.app, session, store, trigger=trigger)
    shop.tell(IDENTIFY, LOOK)
    enrol(shop.app, NOW + timedelta(minutes=59), 10)
    assert shop.rows(Enrolment) == []
    enrol(shop.app, NOW + timedelta(minutes=61), 10)
    assert len(shop.rows(Enrolment)) == 1


def test_many_reports_cost_as_many_statements_as_one(shop: Shop) -> None:
    with shop.app.db.write() as session:
        store = session.scalars(select(Store)).one()
        for number in range(20):
            make.customer(session, store, f"Grace{number}")

    def cost(start: int, count: int) -> int:
        heard = [
            Heard(
                1,
                Report.model_validate(
                    {
                        "visitor": f"{number:032d}",
                        "events": [{"type": "identify", "email": f"grace{number}@example.com"}, LOOK],
                    }
                ),
                True,
                NOW,
            )
            for number in range(start, start + count)
        ]
        heard = [replace(one, store_id=shop.rows(Store)[0].id) for one in heard]
        with counted(shop.app) as seen, shop.app.db.write() as session:
            storefront.hear(shop.app, session, heard)
        return len(seen)

    cost(0, 1)  # makes the connection
    assert cost(1, 1) == cost(2, 15)
    assert len(shop.rows(Event)) == 17


@ON_ONE
def test_the_snippet_is_small_and_the_same_for_everybody(shop: Shop) -> None:
    answer = shop.web.get(f"/s/{shop.key}.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers
    assert len(built("storefront.js").encode()) < 5000
    assert "document.cookie" not in answer.text


def test_what_is_no_origin_is_refused() -> None:
    for typed in ("wren.example.com", "https://a.example.com/path", "http://a.example.com", "*"):
        with pytest.raises(ValueError, match="is no origin"):
            storefront.read_origins(typed)
    assert storefront.read_origins("https://A.example.com/ http://localhost:3000") == [
        "https://a.example.com",
        "http://localhost:3000",
    ]


@ON_ONE
def test_whatever_a_page_tells_is_taken_or_refused_in_silence(shop: Shop, flask: Flask) -> None:
    dice = random.Random(os.environ.get("CARTWHEEL_FUZZ_SEED", "1"))
    flask.extensions["cartwheel.reports"].per_second = 1e9
    cart = {"type": "cart", "cart_id": "c", "items": [{"product_id": "p1", "quantity": 1, "price": 9.5}]}
    whole = {"visitor": VISITOR, "events": [IDENTIFY, LOOK, cart, {"type": "search", "query": "cup"}]}
    for _ in range(int(os.environ.get("CARTWHEEL_FUZZ", "60"))):
        body = raw_mutant(dice, whole)
        answer = shop.web.post(f"/s/{shop.key}/events", data=body, headers={"Origin": SHOP, "User-Agent": AGENT})
        assert answer.status_code == 204 or 400 <= answer.status_code < 500, body[:300]
