from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import waitress
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from automation.app import App
from automation.connections import seal
from automation.models import Connection, InboundWebhook, Store, TopicCount
from automation.pace import Pace
from tests import make
from tests.webapp.doors.conftest import CornerSettings, said


@pytest.fixture
def shop(shops: App) -> Connection:
    with shops.db.write() as session:
        return make.connection(shops, session, make.store(session), "platform", "corner", secret="ding")


def ring(web: FlaskClient, shop: Connection, delivery: str = "d1", body: bytes = b"{}", **headers: str) -> TestResponse:
    said = {"X-Secret": "ding", "X-Id": delivery, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return web.post(f"/hooks/{shop.public_id}", data=body, headers=said)


def rows(app: App) -> list[InboundWebhook]:
    with app.db.read() as session:
        found = list(session.scalars(select(InboundWebhook).order_by(InboundWebhook.id)))
        session.expunge_all()
    return found


def test_a_verified_webhook_is_kept_as_it_came(web: FlaskClient, shops: App, shop: Connection) -> None:
    body = b'{ "a": 1.50,\n"\xc3\xa4": [] }'
    answer = ring(web, shop, body=body)
    assert (answer.status_code, said(answer)) == (200, {"received": True, "repeated": False})
    (row,) = rows(shops)
    assert (row.body, row.delivery_id, row.topic, row.state) == (body, "d1", "bell", "received")


def test_a_delivery_told_twice_is_kept_once(web: FlaskClient, shops: App, shop: Connection) -> None:
    ring(web, shop)
    answer = ring(web, shop)
    assert (answer.status_code, said(answer)) == (200, {"received": True, "repeated": True})
    assert len(rows(shops)) == 1


@pytest.mark.parametrize("secret", ["", "dong", "ding ", "DING"])
def test_a_bad_signature_leaves_no_row(web: FlaskClient, shops: App, shop: Connection, secret: str) -> None:
    answer = ring(web, shop, X_Secret=secret)
    assert answer.status_code == 401
    assert "signature" in said(answer)["error"]
    assert rows(shops) == []


def test_unreadable_json_is_told_what_and_where(web: FlaskClient, shops: App, shop: Connection) -> None:
    answer = ring(web, shop, body=b'{\n"a": nope}')
    assert answer.status_code == 400
    assert "line 2" in said(answer)["error"]
    assert rows(shops) == []


@pytest.mark.parametrize("delivery", ["", "x" * 129])
def test_a_delivery_that_cannot_be_told_apart_is_refused(
    web: FlaskClient, shops: App, shop: Connection, delivery: str
) -> None:
    answer = ring(web, shop, delivery)
    assert answer.status_code == 400
    assert "delivery id" in said(answer)["error"]
    assert rows(shops) == []


@pytest.mark.parametrize("name", ["nobody", "a" * 500, "%00", "..%2f", "'; DROP TABLE stores; --", "Ä"])
def test_an_unknown_connection_is_not_found(web: FlaskClient, shop: Connection, name: str) -> None:
    assert web.post(f"/hooks/{name}", data=b"{}", headers={"X-Secret": "ding"}).status_code == 404


def test_a_body_that_is_too_large_is_refused(web: FlaskClient, shops: App, shop: Connection) -> None:
    answer = ring(web, shop, body=b'"' + b"x" * (8 * 2**20) + b'"')
    assert answer.status_code == 413
    assert "8 MB" in said(answer)["error"]
    assert rows(shops) == []


def test_an_unknown_topic_is_accepted_and_counted(web: FlaskClient, shops: App, shop: Connection) -> None:
    for n in range(3):
        assert ring(web, shop, f"d{n}", X_Topic="gong").status_code == 200
    with shops.db.read() as session:
        count = session.scalars(select(TopicCount)).one()
        assert (count.topic, count.count, count.is_known) == ("gong", 3, False)


@pytest.mark.parametrize("state", ["paused", "broken"])
def test_a_paused_connection_is_still_listened_to(web: FlaskClient, shops: App, shop: Connection, state: str) -> None:
    with shops.db.write() as session:
        session.execute(update(Connection).values(state=state))
    assert ring(web, shop).status_code == 200
    assert len(rows(shops)) == 1


def test_a_changed_secret_counts_from_the_next_request_on(web: FlaskClient, shops: App, shop: Connection) -> None:
    assert ring(web, shop).status_code == 200
    with shops.db.write() as session:
        sealed = seal(shops, shop.public_id, CornerSettings(secret="dong"))
        session.execute(update(Connection).values(secrets=sealed))
    assert ring(web, shop, "d2").status_code == 401
    assert ring(web, shop, "d2", X_Secret="dong").status_code == 200


def test_a_secret_sealed_by_another_key_is_our_fault_not_the_shops(
    web: FlaskClient, shops: App, shop: Connection
) -> None:
    with shops.db.write() as session:
        session.execute(update(Connection).values(secrets=b"\x01" + b"0" * 40))
    answer = ring(web, shop)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_a_database_that_is_away_is_answered_with_try_again(web: FlaskClient, shops: App, shop: Connection) -> None:
    with shops.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE inbound_webhooks RENAME TO elsewhere"))
    try:
        assert ring(web, shop).status_code == 503
    finally:
        with shops.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO inbound_webhooks"))
    assert ring(web, shop).status_code == 200


def test_only_posts_are_taken(web: FlaskClient, shop: Connection) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert web.open(f"/hooks/{shop.public_id}", method=method).status_code == 405


def test_answers_are_not_kept_and_set_no_cookie(web: FlaskClient, shop: Connection) -> None:
    answer = ring(web, shop)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_one_connections_secret_does_not_open_another(web: FlaskClient, shops: App, shop: Connection) -> None:
    with shops.db.write() as session:
        store = session.scalars(select(Store)).one()
        other = make.connection(shops, session, store, "platform", "corner", secret="dong")
    assert ring(web, other).status_code == 401
    assert ring(web, other, X_Secret="dong").status_code == 200
    assert [row.connection_id for row in rows(shops)] == [other.id]


def test_a_real_server_keeps_what_fifty_callers_send_at_once(flask: Flask, shops: App, shop: Connection) -> None:
    server = waitress.create_server(flask, host="127.0.0.1", port=0, threads=8)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.effective_port}", trust_env=False, timeout=60) as client:

            def call(n: int) -> int:
                headers = {"X-Secret": "ding", "X-Id": f"d{n % 250}"}
                return client.post(f"/hooks/{shop.public_id}", json={"n": n}, headers=headers).status_code

            with ThreadPoolExecutor(50) as pool:
                assert set(pool.map(call, range(500))) == {200}
        assert {row.delivery_id for row in rows(shops)} == {f"d{n}" for n in range(250)}
        assert len(rows(shops)) == 250
    finally:
        server.close()
        server.task_dispatcher.shutdown()
        serving.join(5)


_HEADERS = st.dictionaries(
    st.sampled_from(["X-Secret", "X-Id", "X-Topic", "Content-Type", "Transfer-Encoding", "Content-Encoding", "Host"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    max_size=5,
)


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


_BODIES = st.one_of(
    st.binary(max_size=200),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=8).map(_as_json),
    st.dictionaries(st.text(), st.text(), max_size=3).map(_as_json),
)


def test_whatever_is_posted_gets_an_answer_and_leaves_nothing_when_refused(
    web: FlaskClient, shops: App, shop: Connection, flask: Flask
) -> None:
    flask.extensions["cartwheel.refusals"].per_second = 1e9
    kept = 0

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_BODIES, _HEADERS, st.booleans(), st.text(max_size=30))
    def throw(body: bytes, headers: dict[str, Any], is_signed: bool, path: str) -> None:
        nonlocal kept
        if is_signed:
            headers = {"X-Id": body[:30].hex(), **headers, "X-Secret": "ding"}
        answer = web.post(f"/hooks/{shop.public_id}", data=body, headers=headers)
        assert answer.status_code < 500, (answer.status_code, answer.data)
        kept += answer.status_code == 200 and headers.get("X-Topic", "bell") == "bell" and not said(answer)["repeated"]
        assert web.post(f"/hooks/{path}", data=body, headers=headers).status_code in (404, 405, 308, 400)

    throw()
    assert kept > 3  # or the dice are loaded
    with shops.db.read() as session:
        assert session.scalar(select(func.count()).select_from(InboundWebhook)) == kept


def test_who_is_refused_too_often_is_told_to_wait_and_who_signs_well_never_is(
    web: FlaskClient, shops: App, shop: Connection, flask: Flask
) -> None:
    flask.extensions["cartwheel.refusals"] = Pace(0.5, 3, lambda: 0.0)
    assert [ring(web, shop, X_Secret="dong").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    answer = web.post("/hooks/nobody", data=b"{}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert ring(web, shop).status_code == 200
    assert len(rows(shops)) == 1


def test_a_shop_that_has_gone_mad_is_told_to_wait_and_others_are_not(
    web: FlaskClient, shops: App, shop: Connection, flask: Flask
) -> None:
    with shops.db.write() as session:
        other = make.connection(shops, session, make.store(session), "platform", "corner", secret="ding")
    flask.extensions["cartwheel.arrivals"] = Pace(0.5, 2, lambda: 0.0)
    assert [ring(web, shop, f"d{n}").status_code for n in range(4)] == [200, 200, 429, 429]
    assert ring(web, other).status_code == 200
    assert len(rows(shops)) == 3


def test_what_comes_at_the_same_moment_is_told_apart(flask: Flask, shops: App, shop: Connection) -> None:
    writer = flask.extensions["cartwheel.writer"]
    go = threading.Event()
    writer.submit(lambda _: go.wait(10))
    sent = [("d1", "ding", "bell"), ("d1", "ding", "bell"), ("d2", "ding", "bell"), ("d3", "ding", "gong")]
    with ThreadPoolExecutor(5) as pool:

        def call(said: tuple[str, str, str]) -> TestResponse:
            delivery, secret, topic = said
            return ring(flask.test_client(), shop, delivery, X_Secret=secret, X_Topic=topic)

        answers = [pool.submit(call, one) for one in [*sent, ("d4", "dong", "bell")]]
        threading.Timer(0.5, go.set).start()
        found = [future.result(20) for future in answers]
    assert [answer.status_code for answer in found] == [200, 200, 200, 200, 401]
    assert sorted(said(answer)["repeated"] for answer in found[:3]) == [False, False, True]
    assert {row.delivery_id for row in rows(shops)} == {"d1", "d2"}


def test_whoever_only_looks_is_told_that_webhooks_are_posted(web: FlaskClient, shop: Connection) -> None:
    assert web.get(f"/hooks/{shop.public_id}").status_code == 405
    assert web.get("/hooks/nobody").status_code == 404
