from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.mailjet import EVENTS, Mailjet
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail

SINCE = datetime(2026, 3, 10, 11, 50, tzinfo=UTC)
RESERVED = frozenset(
    {"From", "Sender", "Subject", "To", "Cc", "Bcc", "Return-Path", "Date", "Message-Id", "List-Id", "Reply-To"}
)
"""Headers that Mailjet refuses, by its documentation."""


def mailjet(net: Net, **settings: Any) -> Mailjet:
    return Mailjet(Mailjet.Settings.model_validate({**WORLDS["mailjet"].settings, **settings}), net.client())


def headers() -> dict[str, str]:
    signs = WORLDS["mailjet"].signs
    assert signs is not None
    return signs(b"", NOW)


def failed(code: str, status: int = 400, text: str = "why") -> dict[str, Any]:
    error = {"ErrorIdentifier": "e", "ErrorCode": code, "StatusCode": status, "ErrorMessage": text}
    return {"Status": "error", "Errors": [error]}


def taken(number: int) -> dict[str, Any]:
    return {"Status": "success", "To": [{"Email": "a", "MessageUUID": "u", "MessageID": number}]}


def test_a_mail_as_mailjet_gets_it(net: Net) -> None:
    net.answer = WORLDS["mailjet"].accepts or net.answer
    mailjet(net).send([mail(1), mail(2, to_name="", from_name="", reply_to="", campaign="", headers={})], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.mailjet.com/v3.1/send")
    keys = base64.b64encode(b"key-of-tests:secret-of-tests").decode()
    assert request.headers["authorization"] == f"Basic {keys}"
    first, second = orjson.loads(request.content)["Messages"]
    assert first == {
        "From": {"Email": "hello@wren.example.com", "Name": "Wren & Thistle"},
        "To": [{"Email": "ada1@example.com", "Name": 'Ada "Countess" Löve'}],
        "ReplyTo": {"Email": "help@wren.example.com"},
        "Subject": "Your cart is waiting ☕",
        "HTMLPart": "<p>Hello</p>",
        "TextPart": "Hello",
        "Headers": {
            "List-Unsubscribe": "<https://mail.example.com/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "CustomID": "message1",
        "EventPayload": "campaign1",
        "TemplateLanguage": False,
        "TrackOpens": "disabled",
        "TrackClicks": "disabled",
    }
    assert not set(first["Headers"]) & RESERVED
    assert second["To"] == [{"Email": "ada2@example.com"}], "it takes no empty text"
    assert not {"ReplyTo", "Headers", "EventPayload"} & set(second)


@pytest.mark.parametrize("status", [200, 400])
def test_each_mail_has_its_own_outcome_whatever_the_status_says(net: Net, status: int) -> None:
    items = [taken(2**60 + 1), failed("mj-0013"), failed("send-0008", 403), failed("mj-0015", 401), failed("new-1")]
    net.answer = lambda _: httpx.Response(status, content=orjson.dumps({"Messages": items}))
    first, *others = mailjet(net).send([mail(n) for n in range(5)], "key1")
    assert first == Accepted(str(2**60 + 1)), "beyond what a float can hold"
    assert [type(o) for o in others] == [Refused, Misconfigured, Misconfigured, Refused]
    assert all(isinstance(o, SendError) and "why" in str(o) for o in others)


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (400, {"ErrorCode": "mj-0002", "ErrorMessage": "Malformed JSON"}, Refused),
        (401, {"ErrorCode": "mj-0001", "ErrorMessage": "suspended"}, Misconfigured),
        (403, {"ErrorCode": "send-0008", "ErrorMessage": "not authorised"}, Misconfigured),
        (413, {"ErrorMessage": "too large"}, Refused),
        (429, {}, Later),
        (500, {"Messages": [taken(1)]}, Unsure),
        (401, {"Messages": [taken(1)]}, Misconfigured),
        (200, {"Messages": []}, Unsure),
        (200, {"Messages": [taken(1), taken(2)]}, Unsure),
        (200, {"Messages": [{"Status": "perhaps"}]}, Unsure),
        (200, {"Messages": [7]}, Unsure),
    ],
)
def test_a_whole_batch_that_was_not_taken(net: Net, status: int, said: Any, error: type[SendError]) -> None:
    net.answer = lambda _: httpx.Response(status, json=said)
    with pytest.raises(error):
        mailjet(net).send([mail()], "key1")


def test_a_mail_that_was_taken_without_an_id_is_still_taken(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"Messages": [{"Status": "success"}]})
    assert mailjet(net).send([mail()], "key1") == [Accepted("")]


def test_an_error_without_words_is_still_a_refusal(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"Messages": [{"Status": "error", "Errors": []}]})
    (outcome,) = mailjet(net).send([mail()], "key1")
    assert isinstance(outcome, Refused)


def test_finds_by_our_id(net: Net) -> None:
    held = {"a": [{"ID": 2**60 + 1, "CustomID": "a"}], "b": [], "c": [{"ID": 1, "CustomID": "x"}], "d": [{"ID": 4}]}
    net.answer = lambda r: httpx.Response(200, content=orjson.dumps({"Data": held[r.url.params["CustomID"]]}))
    assert mailjet(net).find([*held], SINCE) == {
        "a": Accepted(str(2**60 + 1)),
        "b": None,
        "c": None,
        "d": Accepted("4"),
    }
    assert {(r.method, r.url.path) for r in net.requests} == {("GET", "/v3/REST/message")}
    assert net.requests[0].url.params["FromTS"] == str(int(SINCE.timestamp()))


def test_a_look_up_that_breaks_off_leaves_the_rest_out(net: Net) -> None:
    net.answer = lambda r: (
        httpx.Response(200, json={"Data": []}) if r.url.params["CustomID"] == "a" else httpx.Response(500)
    )
    assert mailjet(net).find(["a", "b", "c"], SINCE) == {"a": None}
    with pytest.raises(Later):
        mailjet(net).find(["b"], SINCE)


@pytest.mark.parametrize("said", [[], {}, {"Data": 7}])
def test_a_look_up_that_finds_out_nothing_says_so(net: Net, said: Any) -> None:
    net.answer = lambda _: httpx.Response(200, json=said)
    with pytest.raises(Later):
        mailjet(net).find(["a"], SINCE)


def test_a_check_lists_the_validated_senders(net: Net) -> None:
    senders = [{"Email": "*@wren.example.com", "Status": "Active"}, {"Email": "b@b.example.com", "Status": "Inactive"}]
    net.answer = lambda _: httpx.Response(200, json={"Data": senders})
    said = mailjet(net).check()
    assert "*@wren.example.com" in said
    assert "b.example.com" not in said
    net.answer = lambda _: httpx.Response(200, json={"Data": senders[1:]})
    with pytest.raises(Misconfigured, match="validated"):
        mailjet(net).check()


def test_only_who_knows_user_and_password_gets_in(net: Net) -> None:
    there, body = mailjet(net), b'{"event": "sent", "time": 1}'
    for value in ("", "Basic Y2FydHdoZWVsOndyb25n", "Bearer x"):
        with pytest.raises(BadSignature):
            there.open(Request({"authorization": value}, body), NOW)
    assert there.open(Request(headers(), body), NOW).topic == "sent"
    assert there.hook_url("https://mail.example.com/hooks/x").startswith("https://cartwheel:password-of-tests@")


def test_a_password_that_cannot_stand_in_an_address_is_refused(net: Net) -> None:
    with pytest.raises(ValidationError, match="address"):
        mailjet(net, webhook_password="with@sign-and-more")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('[{"event": "sent", "time": 1}, {"event": "sent"}]', r"\[1\].time"),
        ('[{"event": "sent", "time": true}]', r"\[0\].time"),
        ('[{"event": "sent", "time": 1e300}]', r"\[0\].time"),
        ("[7]", r"\[0\]"),
    ],
)
def test_what_cannot_be_read_says_where(body: str, where: str) -> None:
    with pytest.raises(Unreadable, match=where):
        mailjet(Net()).translate(Envelope("d", "sent", body.encode()))


def test_the_same_event_told_alone_and_in_a_group_is_one_event(net: Net) -> None:
    one = {"event": "sent", "time": 1773144000, "email": "ada@example.com", "CustomID": "m1"}
    turned = dict(reversed(one.items()))
    there = mailjet(net)
    alone, grouped = (
        there.translate(there.open(Request(headers(), orjson.dumps(body)), NOW)) for body in (one, [turned])
    )
    assert alone == grouped


RECORDED = {
    "blocked": "rejected",
    "bounce.anymail": "hard_bounce",
    "bounce": "soft_bounce",
    "non-grouped.anymail": "delivered",
}


@pytest.mark.parametrize("path", official.payloads("mailjet") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = mailjet(net)
    (event,) = there.translate(there.open(Request(headers(), path.read_bytes()), NOW))
    assert isinstance(event, MailEvent)
    name = path.stem.removeprefix("mailjet-")
    kind = name.removesuffix(".anymail")
    assert event.event == (RECORDED.get(name) or RECORDED.get(kind) or EVENTS[kind])
    assert event.provider_id
    assert event.email
    assert event.is_machine is (kind == "open"), "both were opened by Google's proxy"
