"""Outgoing webhooks: signed, tried again, given up, and never sent inside."""

from __future__ import annotations

import base64
import hmac

import httpx
import orjson
import pytest
from sqlalchemy import select

from automation import outside
from automation.app import App
from automation.clock import TurnableClock
from automation.models import OutboundWebhook
from automation.stages.post import RETRIES, post, secret_of
from tests.automation.steps.flows import World, node
from tests.conftest import Net


def the_webhook(app: App) -> OutboundWebhook:
    with app.db.read() as session:
        return session.scalars(select(OutboundWebhook)).one()


@pytest.fixture
def world(app: App) -> World:
    found = World(app, [node("hook", "webhook", url="https://crm.example.com/in", type="customer.began")])
    found.run()
    return found


def test_a_customer_at_the_step_is_told_once_and_signed(app: App, clock: TurnableClock, net: Net, world: World) -> None:
    net.answer = lambda _: httpx.Response(204)
    assert post(app, clock(), 10) == 1
    assert post(app, clock(), 10) == 0
    (request,) = net.requests
    body = orjson.loads(request.content)
    assert (body["type"], body["data"]["customer"]["email"]) == ("customer.began", "a0@example.com")
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.content
    key = base64.b64decode(secret_of(app.keyring, world.store.id).removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert request.headers["webhook-signature"] == expected
    assert the_webhook(app).state == "sent"


def test_it_is_tried_again_under_the_same_id_and_then_given_up(
    app: App, clock: TurnableClock, net: Net, world: World
) -> None:
    net.answer = lambda _: httpx.Response(302, headers={"location": "http://127.0.0.1/"})
    for wait in RETRIES:
        assert post(app, clock(), 10) == 1
        assert post(app, clock(), 10) == 0
        clock.turn(wait)
    post(app, clock(), 10)
    assert len({r.headers["webhook-id"] for r in net.requests}) == 1
    assert len(net.requests) == len(RETRIES) + 1
    assert (the_webhook(app).state, the_webhook(app).status) == ("failed", 302)


def test_a_receiver_that_is_gone_is_left_alone(app: App, clock: TurnableClock, net: Net, world: World) -> None:
    net.answer = lambda _: httpx.Response(410)
    post(app, clock(), 10)
    assert the_webhook(app).state == "failed"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://localhost/",
        "https://db.internal/",
        "https://user:pass@example.com/",
        "https://example.com:8080/",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_an_address_that_leads_inside_is_refused(url: str) -> None:
    assert outside.problem_of(url)


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1"])
def test_no_spelling_of_home_is_reached(host: str) -> None:
    with (
        outside.client(httpx.create_ssl_context(), timeout=2) as client,
        pytest.raises(Exception, match=r"internet|found"),
    ):
        client.post(f"https://{host}/", content=b"{}")


def test_the_public_internet_is_not_refused() -> None:
    assert outside.problem_of("https://hooks.example.com/a") is None
    assert outside.is_public("93.184.216.34")
    assert outside.is_public("2606:2800:220:1:248:1893:25c8:1946")
