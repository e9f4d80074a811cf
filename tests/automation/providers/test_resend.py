from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unsure
from automation.provider import Accepted, Request
from automation.providers.resend import Resend
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import RECORDINGS, WORLDS, mail

# A public vector of the signature's scheme: secret, delivery, second and body are typed in, the signature follows.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
VECTOR_AT = datetime.fromtimestamp(1614265330, UTC)


def resend(net: Net, **settings: Any) -> Resend:
    return Resend(Resend.Settings.model_validate({**WORLDS["resend"].settings, **settings}), net.client())


def signed(body: bytes, now: datetime = NOW) -> dict[str, str]:
    signs = WORLDS["resend"].signs
    assert signs is not None
    return signs(body, now)


def test_a_mail_as_resend_gets_it(net: Net) -> None:
    net.answer = WORLDS["resend"].accepts or net.answer
    resend(net).send([mail(1)], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.resend.com/emails/batch")
    assert request.headers["authorization"] == "Bearer re_tests"
    assert request.headers["idempotency-key"] == "key1"
    assert request.headers["x-batch-validation"] == "permissive"
    assert request.headers["user-agent"] == "Cartwheel"
    assert orjson.loads(request.content) == [
        {
            "from": '"Wren & Thistle" <hello@wren.example.com>',
            "to": ['"Ada \\"Countess\\" Löve" <ada1@example.com>'],
            "reply_to": "help@wren.example.com",
            "subject": "Your cart is waiting ☕",
            "html": "<p>Hello</p>",
            "text": "Hello",
            "headers": {
                "List-Unsubscribe": "<https://mail.example.com/u/1>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            "tags": [{"name": "message_id", "value": "message1"}, {"name": "campaign", "value": "campaign1"}],
        }
    ]


def test_a_batch_fits_the_official_description(net: Net) -> None:
    described = official.spec("resend")
    net.answer = WORLDS["resend"].accepts or net.answer
    resend(net).send([mail(1), mail(2, reply_to="", campaign="", headers={})], "key1")
    body = orjson.loads(net.requests[0].content)
    official.validate(body, described, "paths/~1emails~1batch/post/requestBody/content/application~1json/schema")
    assert all(set(m) <= set(described["components"]["schemas"]["SendEmailRequest"]["properties"]) for m in body)


@pytest.mark.parametrize("name", sorted(p.stem for p in (RECORDINGS / "resend").glob("*.json") if p.stem != "expected"))
def test_our_recordings_fit_the_official_description(name: str) -> None:
    if name in {"bounce-without-type", "contact-renamed", "domain-updated"}:
        pytest.skip("older or shorter than the description on purpose")
    described = official.spec("resend")
    said = orjson.loads((RECORDINGS / "resend" / f"{name}.json").read_bytes())
    kind = said["type"].replace("_", ".").title().replace(".", "")
    official.validate(said, described, f"components/schemas/{kind}Event")


def test_the_same_batch_again_is_the_same_request(net: Net) -> None:
    net.answer = WORLDS["resend"].accepts or net.answer
    batch = [mail(1), mail(2, subject="a\nb"), mail(3)]
    first, second = (resend(net).send(batch, "key1") for _ in "12")
    assert [type(o) for o in first] == [type(o) for o in second] == [Accepted, Refused, Accepted]
    assert net.requests[0].content == net.requests[1].content


def test_a_refused_mail_does_not_hold_up_the_others(net: Net) -> None:
    net.answer = lambda _: httpx.Response(
        200, json={"data": [{"id": "a"}, {"id": "c"}], "errors": [{"index": 1, "message": "The `to` field is bad"}]}
    )
    first, second, third = resend(net).send([mail(1), mail(2), mail(3)], "key1")
    assert (first, third) == (Accepted("a"), Accepted("c"))
    assert isinstance(second, Refused)
    assert "`to`" in str(second)


@pytest.mark.parametrize(
    "said",
    [
        {"data": [{"id": "a"}]},
        {"data": [{"id": "a"}, {"id": "b"}], "errors": [{"index": 1, "message": "x"}]},
        {"data": [{"id": "a"}], "errors": [{"index": 2, "message": "x"}]},
        {"data": [{"id": "a"}], "errors": [{"message": "x"}]},
        {"data": "a"},
    ],
)
def test_an_answer_that_does_not_add_up_leaves_it_open(net: Net, said: Any) -> None:
    net.answer = lambda _: httpx.Response(200, json=said)
    with pytest.raises(Unsure):
        resend(net).send([mail(1), mail(2)], "key1")


@pytest.mark.parametrize(
    ("status", "name", "error", "after"),
    [
        (401, "missing_api_key", Misconfigured, None),
        (403, "invalid_api_key", Misconfigured, None),
        (403, "validation_error", Misconfigured, None),
        (422, "validation_error", Refused, None),
        (422, "invalid_from_address", Misconfigured, None),
        (400, "invalid_idempotency_key", Refused, None),
        (429, "rate_limit_exceeded", Later, timedelta(seconds=3)),
        (429, "daily_quota_exceeded", Later, timedelta(hours=1)),
        (429, "monthly_quota_exceeded", Misconfigured, None),
        (409, "concurrent_idempotent_requests", Unsure, None),
        (409, "something_new", Unsure, None),
        (500, "application_error", Unsure, None),
        (500, "monthly_quota_exceeded", Unsure, None),
    ],
)
def test_an_error_says_what_to_do_next(
    net: Net, status: int, name: str, error: type[SendError], after: timedelta | None
) -> None:
    said = {"statusCode": status, "name": name, "message": "why"}
    net.answer = lambda _: httpx.Response(status, json=said, headers={"retry-after": "3"})
    with pytest.raises(error, match="why") as caught:
        resend(net).send([mail(1), mail(2)], "key1")
    assert caught.value.code == name
    assert getattr(caught.value, "after", None) == after


def test_a_used_key_means_that_the_batch_was_accepted_before(net: Net) -> None:
    net.answer = lambda _: httpx.Response(409, json={"name": "invalid_idempotent_request", "message": "other body"})
    assert resend(net).send([mail(1), mail(2)], "key1") == [Accepted(""), Accepted("")]


def test_a_check_lists_the_verified_domains(net: Net) -> None:
    domains = [{"name": "wren.example.com", "status": "verified"}, {"name": "b.example.com", "status": "pending"}]
    net.answer = lambda _: httpx.Response(200, json={"data": domains})
    said = resend(net).check()
    assert "wren.example.com" in said
    assert "b.example.com" not in said


def test_a_key_that_may_only_send_is_good(net: Net) -> None:
    net.answer = lambda _: httpx.Response(401, json={"name": "restricted_api_key", "message": "only send"})
    assert "may send" in resend(net).check()


def test_without_a_verified_domain_nothing_can_be_sent(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"data": []})
    with pytest.raises(Misconfigured, match="verified"):
        resend(net).check()


def test_the_public_vector_of_the_signature_holds(net: Net) -> None:
    there = resend(net, webhook_secret=VECTOR_SECRET)
    body = b'{"test": 2432232314}'
    with pytest.raises(BadSignature):
        there.open(Request(VECTOR, body + b" "), VECTOR_AT)
    key = base64.b64decode(VECTOR_SECRET.removeprefix("whsec_"))
    again = hmac.digest(key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body, "sha256")
    assert VECTOR["webhook-signature"] == "v1," + base64.b64encode(again).decode()
    # The vector's body is none of Resend's, so it gets past the signature and no further.
    with pytest.raises(Exception, match="type is missing"):
        there.open(Request(VECTOR, body), VECTOR_AT)


@pytest.mark.parametrize("minutes", [-5, -4, 0, 4, 5])
def test_a_signature_holds_for_five_minutes_either_way(net: Net, minutes: float) -> None:
    body = b'{"type": "email.sent", "created_at": "2026-03-10T11:00:00Z"}'
    envelope = resend(net).open(Request(signed(body), body), NOW + timedelta(minutes=minutes))
    assert (envelope.delivery_id, envelope.topic) == ("msg_1", "email.sent")
    assert envelope.triggered_at == NOW - timedelta(hours=1)


@pytest.mark.parametrize("seconds", [-301, 301, 86400 * 365])
def test_an_old_or_future_signature_is_turned_away(net: Net, seconds: float) -> None:
    body = b'{"type": "email.sent"}'
    with pytest.raises(BadSignature, match="clock"):
        resend(net).open(Request(signed(body), body), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "changes",
    [
        {"svix-id": "msg_2"},
        {"svix-id": ""},
        {"svix-timestamp": "1773144001"},
        {"svix-timestamp": "soon"},
        {"svix-timestamp": "9" * 400},
        {"svix-timestamp": "-1773144000"},
        {"svix-timestamp": "²"},
        {"svix-signature": ""},
        {"svix-signature": "v1,"},
        {"svix-signature": "v1,ääää"},
        {"svix-signature": "v2,{}"},
    ],
    ids=str,
)
def test_a_changed_header_is_turned_away(net: Net, changes: dict[str, str]) -> None:
    body = b'{"type": "email.sent"}'
    headers = signed(body)
    right = headers["svix-signature"].removeprefix("v1,")
    with pytest.raises(BadSignature):
        resend(net).open(Request(headers | {k: v.format(right) for k, v in changes.items()}, body), NOW)


def test_a_tampered_body_is_turned_away(net: Net) -> None:
    body = (RECORDINGS / "resend" / "sent.json").read_bytes()
    headers = signed(body)
    for tampered in (body.replace(b"ada@", b"eve@"), body + b" ", body[:-1], b""):
        with pytest.raises(BadSignature):
            resend(net).open(Request(headers, tampered), NOW)


def test_any_of_several_signatures_is_enough(net: Net) -> None:
    body = b'{"type": "email.sent"}'
    headers = signed(body)
    headers["svix-signature"] = "v1,AAAA v1a,BBBB " + headers["svix-signature"]
    assert resend(net).open(Request(headers, body), NOW).topic == "email.sent"


def test_without_a_secret_every_event_is_turned_away(net: Net) -> None:
    body = b'{"type": "email.sent"}'
    stamp = str(int(NOW.timestamp()))
    empty = base64.b64encode(hmac.digest(b"", f"m.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"svix-id": "m", "svix-timestamp": stamp, "svix-signature": f"v1,{empty}"}
    with pytest.raises(BadSignature, match="no signing secret"):
        resend(net, webhook_secret="").open(Request(headers, body), NOW)


def test_a_secret_that_was_not_copied_whole_is_refused(net: Net) -> None:
    for secret in ("whsec_", "whsec_abc", "not base64!"):
        with pytest.raises(ValidationError, match="copied whole"):
            resend(net, webhook_secret=secret)


@pytest.mark.parametrize("path", official.payloads("resend") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = resend(net)
    body = path.read_bytes()
    events = there.translate(there.open(Request(signed(body), body), NOW))
    assert len(events) == 1
    (event,) = events
    assert isinstance(event, MailEvent)
    assert event.provider_id
    assert event.email
