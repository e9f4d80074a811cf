from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from automation.actions import api_keys
from automation.app import App
from automation.clock import TurnableClock
from automation.models import ApiKey, Connection, Customer, Event, InboundWebhook, Order, Product
from automation.pace import Pace
from automation.platforms.api import COLLECTIONS
from tests import make
from tests.conftest import NOW
from tests.webapp.doors.conftest import said
from webapp.doors.api import BURST, PER_SECOND

FUZZ = int(os.environ.get("CARTWHEEL_FUZZ", "150"))
AT = NOW.isoformat()
Key = Callable[..., str]


@pytest.fixture
def key(app: App) -> Key:
    with app.db.write() as session:
        store_id = make.store(session).id

    def made(*scopes: str) -> str:
        with app.db.write() as session:
            wanted = scopes or api_keys.SCOPES
            return api_keys.make(app, session, store_id=store_id, name="till", scopes=wanted, now=NOW)[1]

    return made


def tell(web: FlaskClient, path: str, body: Any, key: str, **headers: str) -> TestResponse:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    said = {"Authorization": f"Bearer {key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return web.post(f"/api/v1/{path}", data=raw, headers=said)


def count(app: App, model: type[Any]) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


ITEMS: dict[str, dict[str, Any]] = {
    "customers": {"external_id": "7", "email": "ada@example.com", "first_name": "Ada"},
    "products": {"external_id": "p1", "title": "Teacup", "price": 1295},
    "carts": {"external_id": "c1", "lines": [{"title": "Teacup", "quantity": 1, "price": 1295}], "updated_at": AT},
    "orders": {"external_id": "o1", "currency": "EUR", "total": 1295, "placed_at": AT},
    "events": {"name": "product.viewed", "at": AT, "person": {"external_id": "7"}},
    "due_items": {"kind": "service", "external_id": "d1", "person": {"external_id": "7"}, "due_at": AT},
    "consents": {"person": {"email": "ada@example.com"}, "status": "granted", "at": AT},
}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_collection_takes_one_item_or_a_list(web: FlaskClient, app: App, key: Key, collection: str) -> None:
    token = key()
    tell(web, "customers", ITEMS["customers"], token)
    one = tell(web, collection, ITEMS[collection], token)
    assert one.status_code == 200, one.data
    assert sum(said(one).values()) == 1
    several = tell(web, collection, [ITEMS[collection], ITEMS[collection]], token)
    assert several.status_code == 200
    assert sum(said(several).values()) == 2


def test_what_is_told_becomes_rows(web: FlaskClient, app: App, key: Key) -> None:
    changes = [
        {"type": "customer", **ITEMS["customers"]},
        {"type": "product", **ITEMS["products"]},
        {"type": "order", **ITEMS["orders"], "person": {"external_id": "7"}},
        {"type": "event", **ITEMS["events"]},
    ]
    answer = tell(web, "batch", {"changes": changes}, key())
    assert said(answer) == {"applied": 4, "stale": 0, "repeated": 0, "unmatched": 0, "erased": 0}
    with app.db.read() as session:
        ada = session.scalars(select(Customer)).one()
        assert (ada.first_name, ada.email_key) == ("Ada", "ada@example.com")
        assert session.scalars(select(Order)).one().customer_id == ada.id
        assert session.scalars(select(Event)).one().customer_id == ada.id
        assert session.scalars(select(Product)).one().price == 1295


def test_one_bad_item_and_nothing_is_applied(web: FlaskClient, app: App, key: Key) -> None:
    items = [
        {"email": "ada@example.com"},
        {"email": "bob@example.com", "birthday_month": 13, "shoe_size": 9},
        {"type": "customer_deleted"},
        "not an object",
    ]
    answer = tell(web, "customers", items, key())
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    faults = {(f["index"], f["field"]) for f in said(answer)["errors"]}
    assert faults == {(1, "birthday_month"), (1, "shoe_size"), (2, "external_id"), (3, "")}
    assert count(app, Customer) == 0


def test_a_fault_deep_inside_is_named_by_its_path(web: FlaskClient, key: Key) -> None:
    cart = {**ITEMS["carts"], "lines": [ITEMS["carts"]["lines"][0], {"title": "Cup", "quantity": -1, "price": 1}]}
    answer = tell(web, "batch", {"changes": [{"type": "cart", **cart}]}, key())
    assert [(f["index"], f["field"]) for f in said(answer)["errors"]] == [(0, "lines.1.quantity")]


@pytest.mark.parametrize(
    ("attributes", "field"),
    [({"a": "x\x00y"}, "attributes.a"), ({"a\x00": 1}, "attributes"), ({"a": ["ok", "\x00"]}, "attributes.a.1")],
)
def test_what_no_database_keeps_is_refused(web: FlaskClient, key: Key, attributes: Any, field: str) -> None:
    answer = tell(web, "customers", {"email": "ada@example.com", "attributes": attributes}, key())
    assert answer.status_code == 422
    assert said(answer)["errors"][0]["field"] == field


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-10T12:00:00"])
def test_instants_must_be_aware_and_of_this_world(web: FlaskClient, key: Key, at: str) -> None:
    answer = tell(web, "events", {**ITEMS["events"], "at": at}, key())
    assert answer.status_code == 422
    assert said(answer)["errors"][0]["field"] == "at"


def test_nesting_without_end_is_refused(web: FlaskClient, key: Key) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    answer = tell(web, "customers", {"email": "ada@example.com", "attributes": {"deep": deep}}, key())
    assert answer.status_code == 422
    assert "deep" in said(answer)["errors"][0]["message"]


def test_without_a_key_nobody_enters(web: FlaskClient, app: App, key: Key) -> None:
    good = key()
    for value in ("", "Bearer", "Bearer cw_guess", f"Basic {good}", good, f"Bearer {good}x", "Bearer \x00"):
        answer = web.post("/api/v1/customers", json=ITEMS["customers"], headers={"Authorization": value})
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert count(app, Customer) == 0


def test_a_revoked_key_is_dead_at_once(web: FlaskClient, app: App, key: Key) -> None:
    token = key()
    assert tell(web, "customers", ITEMS["customers"], token).status_code == 200
    with app.db.write() as session:
        api_keys.revoke(session, session.scalars(select(ApiKey)).one().id, now=NOW)
    assert tell(web, "customers", ITEMS["customers"], token).status_code == 401


def test_a_key_does_only_what_its_scopes_say(web: FlaskClient, app: App, key: Key) -> None:
    token = key("customers:write")
    assert tell(web, "customers", ITEMS["customers"], token).status_code == 200
    answer = tell(web, "orders", ITEMS["orders"], token)
    assert answer.status_code == 403
    assert said(answer)["missing_scopes"] == ["orders:write"]
    both = [{"type": "customer", "email": "bob@example.com"}, {"type": "order", **ITEMS["orders"]}]
    assert tell(web, "batch", {"changes": both}, token).status_code == 403
    assert web.get("/api/v1/customers/7", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert (count(app, Order), count(app, Customer)) == (0, 1)


def test_the_api_tells_nothing_that_only_platforms_and_providers_may(web: FlaskClient, key: Key) -> None:
    for item in ({"type": "uninstalled"}, {"type": "privacy", "kind": "erasure"}, {"type": "mail", "event": "open"}):
        assert tell(web, "batch", {"changes": [item]}, key()).status_code == 422


def test_more_than_a_thousand_items_are_too_many(web: FlaskClient, app: App, key: Key) -> None:
    token = key()
    items = [{"name": "visited", "at": AT, "external_id": str(n)} for n in range(1001)]
    assert tell(web, "events", items, token).status_code == 413
    assert tell(web, "batch", {"changes": items}, token).status_code == 413
    assert said(tell(web, "events", items[:1000], token))["applied"] == 1000
    assert count(app, Event) == 1000


def test_a_body_that_is_too_large_is_refused(web: FlaskClient, key: Key) -> None:
    assert tell(web, "customers", b"[" + b" " * 8 * 2**20 + b"]", key()).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":}', b"[1,]"])
def test_unreadable_json_is_told_what_and_where(web: FlaskClient, key: Key, body: bytes) -> None:
    answer = tell(web, "customers", body, key())
    assert answer.status_code == 400
    assert "column" in said(answer)["detail"]


def test_the_same_request_under_the_same_key_is_done_once(web: FlaskClient, app: App, key: Key) -> None:
    token = key()
    body = {"name": "visited", "at": AT}
    answers = [tell(web, "events", body, token, Idempotency_Key="k1").json for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert count(app, Event) == 1
    tell(web, "events", body, token, Idempotency_Key="k2")
    assert count(app, Event) == 2


def test_an_idempotency_key_belongs_to_its_request_and_its_sender(web: FlaskClient, app: App, key: Key) -> None:
    first, second = key(), key()
    body = {"name": "visited", "at": AT}
    assert tell(web, "events", body, first, Idempotency_Key="k").status_code == 200
    assert tell(web, "events", {**body, "name": "left"}, first, Idempotency_Key="k").status_code == 422
    assert tell(web, "events", body, second, Idempotency_Key="k").status_code == 200
    assert count(app, Event) == 2


def test_a_refused_request_may_be_mended_under_the_same_key(web: FlaskClient, app: App, key: Key) -> None:
    token = key()
    assert tell(web, "events", {"name": "visited"}, token, Idempotency_Key="k").status_code == 422
    assert tell(web, "events", {"name": "visited", "at": AT}, token, Idempotency_Key="k").status_code == 200


def test_remembered_requests_are_nothing_to_listen_to(web: FlaskClient, app: App, key: Key) -> None:
    tell(web, "events", ITEMS["events"], key(), Idempotency_Key="k")
    with app.db.read() as session:
        assert set(session.scalars(select(InboundWebhook.state))) == {"processed"}


def test_who_asks_too_often_is_told_to_wait(web: FlaskClient, key: Key) -> None:
    token, other = key(), key()
    web.application.extensions["cartwheel.pace"] = Pace(PER_SECOND, BURST, stopwatch=lambda: 0.0)
    statuses = [tell(web, "events", [], token).status_code for _ in range(BURST + 1)]
    assert statuses == [200] * BURST + [429]
    answer = tell(web, "events", [], token)
    assert int(answer.headers["Retry-After"]) >= 1
    assert tell(web, "events", [], other).status_code == 200


def test_a_paused_connection_takes_nothing(web: FlaskClient, app: App, key: Key) -> None:
    token = key()
    with app.db.write() as session:
        session.execute(update(Connection).values(state="paused", state_reason="by hand"))
    answer = tell(web, "customers", ITEMS["customers"], token)
    assert answer.status_code == 403
    assert "by hand" in said(answer)["detail"]


def test_a_customer_is_read_by_id_or_by_address(web: FlaskClient, key: Key) -> None:
    token = key()
    tell(web, "customers", {**ITEMS["customers"], "external_id": "gid/7"}, token)
    tell(web, "consents", ITEMS["consents"], token)
    for who in ("gid/7", "ada@example.com", "ADA@example.com"):
        answer = web.get(f"/api/v1/customers/{who}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, who
        assert (said(answer)["first_name"], said(answer)["consents"]) == ("Ada", {"marketing": "granted"})
        assert answer.headers["Cache-Control"] == "no-store"
    for who in ("8", "bob@example.com", "%00", "a" * 3000):
        answer = web.get(f"/api/v1/customers/{who}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 404


def test_one_stores_key_does_not_read_anothers_customers(web: FlaskClient, app: App, key: Key) -> None:
    tell(web, "customers", ITEMS["customers"], key())
    with app.db.write() as session:
        other = make.store(session, name="Other")
        token = api_keys.make(app, session, store_id=other.id, name="x", scopes=["customers:read"], now=NOW)[1]
    for who in ("7", "ada@example.com"):
        assert web.get(f"/api/v1/customers/{who}", headers={"Authorization": f"Bearer {token}"}).status_code == 404


def test_when_a_key_was_used_is_known_to_the_minute(web: FlaskClient, app: App, key: Key, clock: TurnableClock) -> None:
    token = key()
    seen = []
    for seconds in (0, 30, 60):
        tell(web, "customers", ITEMS["customers"], token)
        with app.db.read() as session:
            seen.append(session.scalars(select(ApiKey.last_used_at)).one())
        clock.turn(timedelta(seconds=30))
        assert seconds >= 0
    assert seen == [NOW, NOW, NOW + timedelta(seconds=60)]


def test_the_description_is_valid_and_names_every_route(flask: Flask, web: FlaskClient) -> None:
    document = said(web.get("/api/openapi.json"))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["servers"] == [{"url": "https://mail.example.com"}]
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    routes = {
        (rule.rule.replace("<path:who>", "{who}").replace("<name>", "{name}"), method)
        for rule in flask.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routes


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = sorted({name for group in COLLECTIONS.values() for model in group for name in model.model_fields})
_SEEN: tuple[Any, ...] = (
    -1,
    0,
    2**31,
    2**53,
    2**63,
    2**64,
    "",
    "\x00",
    "a" * 3000,
    AT,
    "2026-02-30T00:00:00Z",
    "EUR",
    {},
    [],
    1e308,
)
_ALMOST = st.sampled_from(sorted(COLLECTIONS)).flatmap(
    lambda c: st.tuples(
        st.just(c),
        st.dictionaries(st.sampled_from(_FIELDS), st.one_of(st.sampled_from(_SEEN), _JSON), max_size=3).map(
            lambda more: {**ITEMS[c], **more}
        ),
    )
)


def test_who_guesses_keys_is_told_to_wait_and_who_has_one_never_is(web: FlaskClient, key: Key, flask: Flask) -> None:
    flask.extensions["cartwheel.strangers"] = Pace(0.5, 3, lambda: 0.0)
    guesses = [tell(web, "carts", b"{}", f"cw_{n}") for n in range(5)]
    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
    assert guesses[-1].headers["Retry-After"] == "2"
    assert tell(web, "carts", b"{}", key()).status_code == 422


def test_whatever_is_told_gets_an_answer_and_leaves_nothing_when_refused(
    web: FlaskClient, app: App, key: Key, flask: Flask
) -> None:
    token = key()
    for name in ("pace", "strangers"):
        flask.extensions[f"cartwheel.{name}"].per_second = 1e9
    before = count(app, InboundWebhook)

    @settings(max_examples=FUZZ, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_ALMOST, st.binary(max_size=60), st.booleans())
    def throw(told: tuple[str, dict[str, Any]], raw: bytes, is_raw: bool) -> None:
        collection, item = told
        try:
            body = raw if is_raw else orjson.dumps(item)
        except TypeError:  # an integer that JSON's usual readers cannot hold
            return
        answer = tell(web, collection, body, token)
        assert answer.status_code in (200, 400, 422), (answer.status_code, item)
        assert web.post(f"/api/v1/{collection}", data=body).status_code == 401

    throw()
    assert count(app, InboundWebhook) == before
