from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.mailgun import Mailgun
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import RECORDINGS, WORLDS, mail

# A vector that Symfony's adapter is tested with.
KEY = "key-0p6mqbf74lb20gzq9f4dhpn9rg3zyk26"
SIGNATURE = {
    "timestamp": "1661590666",
    "token": "fff0ebc59c0516f4ce0823212a2f45e5c67814420b99fe558b",
    "signature": "a0cd251821d8fd56a2130b541becc8e441023574e602fe9829a9ab9fbfdea33f",
}
SIGNED_AT = datetime.fromtimestamp(1661590666, UTC)
SINCE = NOW - timedelta(minutes=50)
LATER_ON = {"date": "Tue, 10 Mar 2026 12:00:00 GMT"}
"""Mailgun's clock fifty minutes after SINCE."""


def mailgun(net: Net, **settings: Any) -> Mailgun:
    return Mailgun(Mailgun.Settings.model_validate({**WORLDS["mailgun"].settings, **settings}), net.client())


def signed(body: bytes, now: datetime = NOW) -> Request:
    return Request({}, WORLDS["mailgun"].seals(body, now))


def form(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(request.content.decode())


def test_a_mail_as_mailgun_gets_it(net: Net) -> None:
    net.answer = WORLDS["mailgun"].accepts or net.answer
    assert mailgun(net).send([mail(1)], "key1") == [Accepted("message1@mail.example.com")]
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.mailgun.net/v3/mail.example.com/messages")
    assert request.headers["authorization"] == "Basic YXBpOmtleS1vZi10ZXN0cw=="
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form(request) == {
        "from": ['"Wren & Thistle" <hello@wren.example.com>'],
        "to": ['"Ada \\"Countess\\" Löve" <ada1@example.com>'],
        "subject": ["Your cart is waiting ☕"],
        "text": ["Hello"],
        "html": ["<p>Hello</p>"],
        "h:Message-Id": ["<message1@mail.example.com>"],
        "h:Reply-To": ["help@wren.example.com"],
        "h:List-Unsubscribe": ["<https://mail.example.com/u/1>"],
        "h:List-Unsubscribe-Post": ["List-Unsubscribe=One-Click"],
        "v:message_id": ["message1"],
        "o:tag": ["campaign1"],
        "o:tracking": ["no"],
        "o:tracking-clicks": ["no"],
        "o:tracking-opens": ["no"],
    }


def test_a_mail_fits_the_official_description(net: Net) -> None:
    described = official.spec("mailgun")
    pointer = "components/schemas/POST-v3-domain_name-messages-multipart-form-data-RequestBody"
    schema = described["components"]["schemas"][pointer.rpartition("/")[2]]
    net.answer = WORLDS["mailgun"].accepts or net.answer
    mailgun(net).send([mail(1), mail(2, reply_to="", campaign="", headers={}, text="")], "key1")
    for request in net.requests:
        given = form(request)
        lists = {n for n, p in schema["properties"].items() if p.get("type") == "array"}
        official.validate({n: v if n in lists else v[0] for n, v in given.items()}, described, pointer)
        assert {n for n in given if n[:2] not in {"h:", "v:"}} <= set(schema["properties"])


def test_a_domain_in_the_eu_is_asked_there(net: Net) -> None:
    net.answer = WORLDS["mailgun"].accepts or net.answer
    mailgun(net, base_url="https://api.eu.mailgun.net").send([mail()], "key1")
    assert net.requests[0].url.host == "api.eu.mailgun.net"


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (400, "to parameter is not a valid address", Refused),
        (400, "from parameter is not a valid address", Misconfigured),
        (403, "Domain mail.example.com is not allowed to send", Misconfigured),
        (404, "Domain not found", Misconfigured),
        (429, "slow down", Later),
        (500, "oops", Unsure),
    ],
)
def test_an_error_says_what_to_do_next(net: Net, status: int, said: str, error: type[SendError]) -> None:
    net.answer = lambda _: httpx.Response(status, json={"message": said})
    with pytest.raises(error, match=said):
        mailgun(net).send([mail()], "key1")


def test_one_mail_without_an_answer_does_not_make_others_unknown(net: Net) -> None:
    net.answer = lambda _: httpx.Response(502)
    first, *others = mailgun(net).send([mail(n) for n in range(9)], "key1")
    assert isinstance(first, Unsure)
    assert all(isinstance(o, HeldBack) for o in others)


class Log:
    """Mailgun's event log."""

    def __init__(self, *held: str, **headers: str) -> None:
        self.held, self.headers = held, headers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params["message-id"]
        items = [{"event": "accepted", "message": {"headers": {"message-id": i}}} for i in self.held if i == asked]
        return httpx.Response(200, json={"items": items}, headers=self.headers)


def test_finds_by_the_message_id_that_we_gave(net: Net) -> None:
    net.answer = Log("a@mail.example.com", **LATER_ON)
    assert mailgun(net).find(["a", "b"], SINCE) == {"a": Accepted("a@mail.example.com"), "b": None}
    assert net.requests[0].url.path == "/v3/mail.example.com/events"
    assert net.requests[0].url.params["begin"] == str(int(SINCE.timestamp()))


@pytest.mark.parametrize("headers", [{}, {"date": "Tue, 10 Mar 2026 11:35:00 GMT"}])
def test_what_the_log_may_not_have_yet_is_left_open(net: Net, headers: dict[str, str]) -> None:
    net.answer = Log("a@mail.example.com", **headers)
    assert mailgun(net).find(["a", "b"], SINCE) == {"a": Accepted("a@mail.example.com")}


def test_a_log_that_ignores_the_filter_found_nothing(net: Net) -> None:
    items = [{"event": "accepted", "message": {"headers": {"message-id": "x@mail.example.com"}}}]
    net.answer = lambda _: httpx.Response(200, json={"items": items}, headers=LATER_ON)
    assert mailgun(net).find(["a"], SINCE) == {"a": None}


def test_a_look_up_that_breaks_off_leaves_the_rest_out(net: Net) -> None:
    log = Log("a@mail.example.com", **LATER_ON)
    net.answer = lambda r: log(r) if r.url.params["message-id"].startswith("a@") else httpx.Response(500)
    assert mailgun(net).find(["a", "b", "c"], SINCE) == {"a": Accepted("a@mail.example.com")}
    assert len(net.requests) == 2


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_look_up_that_finds_out_nothing_says_so(net: Net, status: int) -> None:
    net.answer = lambda _: httpx.Response(status)
    with pytest.raises(Misconfigured if status == 401 else Later):
        mailgun(net).find(["a"], SINCE)


def test_a_check_warns_of_mailguns_own_unsubscribing(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        is_tracking = request.url.path == "/v3/domains/mail.example.com/tracking"
        return httpx.Response(
            200, json={"tracking": {"unsubscribe": {"active": True}}} if is_tracking else {"items": []}
        )

    net.answer = answer
    assert "List-Unsubscribe" in mailgun(net).check()
    net.answer = lambda _: httpx.Response(200, json={})
    assert "List-Unsubscribe" not in mailgun(net).check()
    assert "signing key" in mailgun(net, signing_key="").check()


def test_a_check_names_the_domain_that_is_missing(net: Net) -> None:
    net.answer = lambda _: httpx.Response(404)
    with pytest.raises(Misconfigured, match=r"mail\.example\.com"):
        mailgun(net).check()


def test_the_public_vector_of_the_signature_holds(net: Net) -> None:
    there = mailgun(net, signing_key=KEY)
    body = orjson.dumps({"signature": SIGNATURE, "event-data": {"event": "opened"}})
    assert there.open(Request({}, body), SIGNED_AT).delivery_id == SIGNATURE["token"]
    for name in SIGNATURE:
        changed = orjson.dumps({"signature": SIGNATURE | {name: "1661590667"}, "event-data": {"event": "opened"}})
        with pytest.raises(BadSignature):
            there.open(Request({}, changed), SIGNED_AT)


def test_a_stolen_signature_counts_as_a_repetition(net: Net) -> None:
    there = mailgun(net, signing_key=KEY)
    bodies = [orjson.dumps({"signature": SIGNATURE, "event-data": {"event": e}}) for e in ("opened", "complained")]
    assert len({there.open(Request({}, body), SIGNED_AT).delivery_id for body in bodies}) == 1


@pytest.mark.parametrize("age", [timedelta(hours=13), timedelta(minutes=-6)])
def test_an_old_or_future_signature_is_turned_away(net: Net, age: timedelta) -> None:
    body = (RECORDINGS / "mailgun" / "opened.json").read_bytes()
    with pytest.raises(BadSignature, match="clock"):
        mailgun(net).open(signed(body), NOW + age)


def test_without_a_key_every_event_is_turned_away(net: Net) -> None:
    with pytest.raises(BadSignature, match="no webhook signing key"):
        mailgun(net, signing_key="").open(signed(b'{"event-data": {"event": "opened"}}'), NOW)


@pytest.mark.parametrize("domain", ["", "mail", "mail.example.com/x", "../domains", "mail example.com", "-a.com"])
def test_a_domain_that_is_none_is_refused(net: Net, domain: str) -> None:
    with pytest.raises(ValidationError):
        mailgun(net, domain=domain)


def test_an_event_with_a_broken_time_is_unreadable(net: Net) -> None:
    body = b'{"event-data": {"event": "opened", "timestamp": "noon"}}'
    with pytest.raises(Unreadable, match=r"event-data\.timestamp"):
        mailgun(net).open(signed(body), NOW)
    with pytest.raises(Unreadable, match=r"event-data\.timestamp"):
        mailgun(net).translate(Envelope("d", "opened", body))


EXPECTED = {
    "accepted": "accepted",
    "clicked": "click",
    "complained": "complaint",
    "failed-permanent": "hard_bounce",
    "failed-suppressed": "rejected",
    "failed-temporary": "deferred",
    "opened": "open",
    "rejected": "rejected",
    "unsubscribed": "unsubscribe",
}


@pytest.mark.parametrize("path", official.payloads("mailgun") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = mailgun(net)
    (event,) = there.translate(there.open(signed(path.read_bytes()), NOW))
    assert isinstance(event, MailEvent)
    assert event.event == next(word for part, word in EXPECTED.items() if f"mailgun-{part}" in path.stem)
    assert event.email
    assert "@" in event.email
    assert event.is_suppressed == ("suppressed" in path.stem)
