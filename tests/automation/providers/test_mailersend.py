from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import MailEvent
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.mailersend import EVENTS, MailerSend
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail

BODY = b'{"type": "activity.sent", "created_at": "2026-03-10T12:00:00.000000Z", "data": {"id": "a1"}}'


def mailersend(net: Net, **settings: Any) -> MailerSend:
    return MailerSend(MailerSend.Settings.model_validate({**WORLDS["mailersend"].settings, **settings}), net.client())


def signed(body: bytes) -> dict[str, str]:
    signs = WORLDS["mailersend"].signs
    assert signs is not None
    return signs(body, NOW)


def test_a_mail_as_mailersend_gets_it(net: Net) -> None:
    net.answer = WORLDS["mailersend"].accepts or net.answer
    mailersend(net).send([mail(1), mail(2, to_name="", from_name="", reply_to="", campaign="")], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.mailersend.com/v1/bulk-email")
    assert request.headers["authorization"] == "Bearer mlsn.tests"
    first, second = orjson.loads(request.content)
    assert first == {
        "from": {"email": "hello@wren.example.com", "name": "Wren & Thistle"},
        "to": [{"email": "ada1@example.com", "name": 'Ada "Countess" Löve'}],
        "reply_to": {"email": "help@wren.example.com"},
        "subject": "Your cart is waiting ☕",
        "html": "<p>Hello</p>",
        "text": "Hello",
        "tags": ["message-message1", "campaign-campaign1"],
        "settings": {"track_clicks": False, "track_opens": False, "track_content": False},
    }
    assert second["tags"] == ["message-message2"]
    assert second["to"] == [{"email": "ada2@example.com"}]


def test_our_list_unsubscribe_goes_along_where_the_plan_takes_it(net: Net) -> None:
    net.answer = WORLDS["mailersend"].accepts or net.answer
    mailersend(net, own_headers=True).send([mail(1), mail(2, headers={})], "key1")
    first, second = orjson.loads(net.requests[0].content)
    assert first["list_unsubscribe"] == "<https://mail.example.com/u/1>"
    assert first["headers"] == [{"name": "List-Unsubscribe-Post", "value": "List-Unsubscribe=One-Click"}]
    assert not {"headers", "list_unsubscribe"} & set(second)


def test_a_batch_fits_the_description(net: Net) -> None:
    described = official.spec("mailersend.thirdparty", "yml")
    net.answer = WORLDS["mailersend"].accepts or net.answer
    mailersend(net).send([mail(1), mail(2, reply_to="", to_name="")], "key1")
    body = orjson.loads(net.requests[0].content)
    official.validate(body, described, "paths/~1bulk-email/post/requestBody/content/application~1json/schema")
    for one in body:
        official.validate(one, described, "paths/~1email/post/requestBody/content/application~1json/schema")


def test_a_batch_is_accepted_whole_and_without_ids(net: Net) -> None:
    net.answer = lambda _: httpx.Response(202, json={"message": "processed", "bulk_email_id": "b1"})
    assert mailersend(net).send([mail(1), mail(2)], "key1") == [Accepted(""), Accepted("")]


@pytest.mark.parametrize("said", [{}, {"message": "hm"}, {"bulk_email_id": ""}, {"bulk_email_id": 7}, []])
def test_an_answer_without_its_id_leaves_it_open(net: Net, said: Any) -> None:
    net.answer = lambda _: httpx.Response(202, json=said)
    with pytest.raises(Unsure):
        mailersend(net).send([mail()], "key1")


@pytest.mark.parametrize(
    ("status", "text", "error", "after"),
    [
        (429, "Your account reached its rate limit of 10 requests/min. #MS42903", Later, timedelta(seconds=42)),
        (429, "Your account reached its API daily quota limit. #MS42901", Later, timedelta(hours=1)),
        (422, "The from.email domain must be verified in your account to send emails. #MS42207", Misconfigured, None),
        (422, "The to.0.email field must be a valid email address.", Refused, None),
        (421, "Maintenance", Later, None),
        (401, "Unauthenticated.", Misconfigured, None),
        (500, "Server error #MS42207", Unsure, None),
    ],
)
def test_an_error_says_what_to_do_next(
    net: Net, status: int, text: str, error: type[SendError], after: timedelta | None
) -> None:
    net.answer = lambda _: httpx.Response(status, json={"message": text}, headers={"retry-after": "42"})
    with pytest.raises(error, match=text[:20]) as caught:
        mailersend(net).send([mail(1), mail(2)], "key1")
    assert getattr(caught.value, "after", None) == after


def test_a_check_says_whose_list_unsubscribe_the_mails_carry(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"quota": 1000, "remaining": 998, "reset": "2026-03-11T00:00:00Z"})
    assert "998" in mailersend(net).check()
    assert "MailerSend's List-Unsubscribe, not ours" in mailersend(net).check()
    assert "our own" in mailersend(net, own_headers=True).check()


def test_the_public_vector_of_the_signature_holds(net: Net) -> None:
    vector = official.vector("mailersend")
    there = mailersend(net, webhook_secret=vector["signing_secret"])
    body, at = vector["body"].encode(), datetime(2024, 1, 1, 12, tzinfo=UTC)
    for header in ("signature", "x-mailersend-signature"):
        assert there.open(Request({header: vector["signature"]}, body), at).topic == "activity.sent"
    with pytest.raises(BadSignature):
        there.open(Request({"signature": vector["signature"]}, body + b" "), at)


@pytest.mark.parametrize("given", ["", "0" * 64, "ä", "sha256=x"])
def test_a_wrong_signature_is_turned_away(net: Net, given: str) -> None:
    with pytest.raises(BadSignature):
        mailersend(net).open(Request({"signature": given}, BODY), NOW)
    right = signed(BODY)["signature"]
    with pytest.raises(BadSignature):
        mailersend(net).open(Request({"signature": right.upper()}, BODY), NOW)


def test_without_a_secret_every_event_is_turned_away(net: Net) -> None:
    with pytest.raises(BadSignature, match="no signing secret"):
        mailersend(net, webhook_secret="").open(Request(signed(BODY), BODY), NOW)


@pytest.mark.parametrize("days", [-3.9, 0, 3.9])
def test_an_event_may_be_as_late_as_it_is_tried_again(net: Net, days: float) -> None:
    envelope = mailersend(net).open(Request(signed(BODY), BODY), NOW + timedelta(days=days))
    assert envelope.triggered_at == NOW


@pytest.mark.parametrize("days", [-5, 5, 365])
def test_an_older_or_future_event_is_a_replay(net: Net, days: float) -> None:
    with pytest.raises(BadSignature, match="clock"):
        mailersend(net).open(Request(signed(BODY), BODY), NOW + timedelta(days=days))


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"id": "a"}, "created_at"),
        ({"created_at": "soon"}, "created_at"),
        ({"created_at": "2026-03-10T12:00:00Z", "email": 7}, "email"),
        ({"created_at": "2026-03-10T12:00:00Z", "email": {"recipient": []}}, "recipient"),
        (7, "data"),
    ],
)
def test_what_cannot_be_read_says_where(data: Any, where: str) -> None:
    body = orjson.dumps({"type": "activity.sent", "data": data})
    with pytest.raises(Unreadable, match=where):
        mailersend(Net()).translate(Envelope("d", "activity.sent", body))


@pytest.mark.parametrize("path", official.payloads("mailersend") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there, body = mailersend(net), path.read_bytes()
    said = orjson.loads(body)
    at = datetime.fromisoformat(said["data"]["created_at"])
    events = there.translate(there.open(Request(signed(body), body), at))
    expected = EVENTS.get(said["type"])
    assert [e.event for e in events if isinstance(e, MailEvent)] == ([expected] if expected else [])
    assert all(isinstance(e, MailEvent) and e.provider_id and e.email for e in events)
