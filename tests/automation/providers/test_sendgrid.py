from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.sendgrid import SendGrid
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail

# A vector that SendGrid's own library is tested with; its body is a list of one event and ends in a line break.
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dA"
    "fSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
SIGNED = {
    "x-twilio-email-event-webhook-timestamp": "1600112502",
    "x-twilio-email-event-webhook-signature": (
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
    ),
}
SIGNED_AT = datetime.fromtimestamp(1600112502, UTC)


def sendgrid(net: Net, **settings: Any) -> SendGrid:
    return SendGrid(SendGrid.Settings.model_validate({**WORLDS["sendgrid"].settings, **settings}), net.client())


def signed(body: bytes, now: datetime = NOW) -> Request:
    signs = WORLDS["sendgrid"].signs
    assert signs is not None
    return Request(signs(body, now), body)


def vector() -> bytes:
    event = {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
    return json.dumps([event], separators=(",", ":")).encode() + b"\r\n"


def test_a_mail_as_sendgrid_gets_it(net: Net) -> None:
    net.answer = WORLDS["sendgrid"].accepts or net.answer
    sendgrid(net).send([mail(1, to_name="Lovelace, Ada; Countess")], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.sendgrid.com/v3/mail/send")
    assert request.headers["authorization"] == "Bearer SG.tests"
    assert orjson.loads(request.content) == {
        "personalizations": [
            {
                "to": [{"email": "ada1@example.com", "name": "Lovelace Ada Countess"}],
                "custom_args": {"message_id": "message1"},
                "headers": {
                    "List-Unsubscribe": "<https://mail.example.com/u/1>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            }
        ],
        "from": {"email": "hello@wren.example.com", "name": "Wren & Thistle"},
        "reply_to": {"email": "help@wren.example.com"},
        "subject": "Your cart is waiting ☕",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
        "categories": ["campaign1"],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


def test_a_mail_fits_the_official_description(net: Net) -> None:
    described = official.spec("sendgrid", "json")
    net.answer = WORLDS["sendgrid"].accepts or net.answer
    sendgrid(net).send([mail(1), mail(2, reply_to="", campaign="", headers={}, to_name="", text="")], "key1")
    pointer = "components/requestBodies/PostMailSend/content/application~1json/schema"
    known = described["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    for request in net.requests:
        body = orjson.loads(request.content)
        official.validate(body, described, pointer)
        assert set(body) <= set(known["properties"])
        assert set(body["tracking_settings"]) <= set(known["properties"]["tracking_settings"]["properties"])


@pytest.mark.parametrize(
    ("status", "field", "error"),
    [
        (400, "personalizations.0.to.0.email", Refused),
        (400, "from.email", Misconfigured),
        (401, "", Misconfigured),
        (403, "from", Misconfigured),
        (413, "", Refused),
        (500, "from", Unsure),
    ],
)
def test_an_error_says_what_to_do_next(net: Net, status: int, field: str, error: type[SendError]) -> None:
    net.answer = lambda _: httpx.Response(status, json={"errors": [{"message": "why", "field": field}]})
    with pytest.raises(error, match="why"):
        sendgrid(net).send([mail()], "key1")


def test_the_sandboxs_answer_is_no_acceptance(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, headers={"x-message-id": "x"})
    with pytest.raises(Unsure, match="202"):
        sendgrid(net).send([mail()], "key1")


def test_a_mail_that_was_taken_without_an_id_is_still_taken(net: Net) -> None:
    net.answer = lambda _: httpx.Response(202)
    assert sendgrid(net).send([mail()], "key1") == [Accepted("")]


def test_a_used_up_rate_says_when_it_is_lifted_by_sendgrids_own_clock(net: Net) -> None:
    headers = {"x-ratelimit-reset": "1773144030", "date": "Tue, 10 Mar 2026 12:00:00 GMT"}
    net.answer = lambda _: httpx.Response(429, headers=headers)
    with pytest.raises(Later) as caught:
        sendgrid(net).send([mail()], "key1")
    assert caught.value.after == timedelta(seconds=30)


def test_one_mail_without_an_answer_does_not_make_others_unknown(net: Net) -> None:
    net.answer = lambda _: httpx.Response(502)
    first, *others = sendgrid(net).send([mail(n) for n in range(9)], "key1")
    assert isinstance(first, Unsure)
    assert all(isinstance(o, HeldBack) for o in others)
    assert len(net.requests) == 1


def test_a_check_asks_what_the_key_may_do(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"scopes": ["mail.send"]})
    assert "may send" in sendgrid(net).check()
    assert "verification key" in sendgrid(net, verification_key="").check()
    net.answer = lambda _: httpx.Response(200, json={"scopes": ["stats.read"]})
    with pytest.raises(Misconfigured, match="may not send"):
        sendgrid(net).check()


def test_the_public_vector_of_the_signature_holds(net: Net) -> None:
    there = sendgrid(net, verification_key=KEY)
    (event,) = there.translate(there.open(Request(SIGNED, vector()), SIGNED_AT))
    assert isinstance(event, MailEvent)
    assert (event.event, event.provider_id, event.is_suppressed) == ("rejected", "LRzXl_NHStOGhQ4kofSm_A", True)
    for body in (vector().rstrip(), vector().replace(b"hello", b"jello"), b""):
        with pytest.raises(BadSignature):
            there.open(Request(SIGNED, body), SIGNED_AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"x-twilio-email-event-webhook-timestamp": "1600112503"},
        {"x-twilio-email-event-webhook-timestamp": "soon"},
        {"x-twilio-email-event-webhook-timestamp": ""},
        {"x-twilio-email-event-webhook-signature": ""},
        {"x-twilio-email-event-webhook-signature": "AAAA"},
        {"x-twilio-email-event-webhook-signature": "ä"},
    ],
    ids=str,
)
def test_a_changed_header_is_turned_away(net: Net, changes: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        sendgrid(net, verification_key=KEY).open(Request(SIGNED | changes, vector()), SIGNED_AT)


@pytest.mark.parametrize("age", [timedelta(hours=26), timedelta(minutes=-6), timedelta(days=365)])
def test_an_old_or_future_signature_is_turned_away(net: Net, age: timedelta) -> None:
    with pytest.raises(BadSignature, match="clock"):
        sendgrid(net, verification_key=KEY).open(Request(SIGNED, vector()), SIGNED_AT + age)


def test_without_a_key_every_event_is_turned_away(net: Net) -> None:
    with pytest.raises(BadSignature, match="no verification key"):
        sendgrid(net, verification_key="").open(Request(SIGNED, vector()), SIGNED_AT)


@pytest.mark.parametrize("key", ["abc", "AAAA", "not base64!"])
def test_a_key_that_was_not_copied_whole_is_refused(net: Net, key: str) -> None:
    with pytest.raises(ValidationError):
        sendgrid(net, verification_key=key)


def test_a_broken_event_of_a_batch_is_named(net: Net) -> None:
    there = sendgrid(net)
    with pytest.raises(Unreadable, match="Event 2"):
        there.open(signed(b'[{"event": "open"}, {"event": 7}]'), NOW)
    with pytest.raises(Unreadable, match="Event 2: timestamp"):
        there.translate(
            Envelope("d", "open", b'[{"event": "open", "timestamp": 1}, {"event": "open", "timestamp": []}]')
        )


@pytest.mark.parametrize("path", official.payloads("sendgrid") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = sendgrid(net)
    expected = next(
        word
        for part, word in {
            "click": "click",
            "delivered": "delivered",
            "blocked": "soft_bounce",
            "dropped": "rejected",
            "resubscribe": "resubscribe",
            "processed": "accepted",
            "spamreport": "complaint",
            "unsubscribe": "unsubscribe",
            "open": "open",
        }.items()
        if part in path.stem.replace("dropped-unsubscribed", "dropped")
    )
    (event,) = there.translate(there.open(signed(path.read_bytes()), NOW))
    assert isinstance(event, MailEvent)
    assert (event.event, bool(event.provider_id), bool(event.email)) == (
        expected,
        "filter0" not in str(event.provider_id),
        True,
    )
    assert event.is_suppressed == (expected == "rejected")
