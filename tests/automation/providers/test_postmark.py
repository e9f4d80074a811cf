from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.app import App
from automation.changes import MailEvent
from automation.connections import connect, provider_of
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.postmark import RECORDS, Postmark
from tests import make
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail

SINCE = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


def postmark(net: Net, **settings: Any) -> Postmark:
    return Postmark(Postmark.Settings.model_validate({**WORLDS["postmark"].settings, **settings}), net.client())


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def sent(net: Net, number: int = 0) -> Any:
    return orjson.loads(net.requests[number].content)


def test_a_mail_as_postmark_gets_it(net: Net) -> None:
    net.answer = WORLDS["postmark"].accepts or net.answer
    postmark(net).send([mail(1)], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.postmarkapp.com/email/batch")
    assert request.headers["x-postmark-server-token"] == "token-of-tests"
    assert sent(net) == [
        {
            "From": '"Wren & Thistle" <hello@wren.example.com>',
            "To": '"Ada \\"Countess\\" Löve" <ada1@example.com>',
            "ReplyTo": "help@wren.example.com",
            "Subject": "Your cart is waiting ☕",
            "HtmlBody": "<p>Hello</p>",
            "TextBody": "Hello",
            "Headers": [
                {"Name": "List-Unsubscribe", "Value": "<https://mail.example.com/u/1>"},
                {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
            ],
            "Metadata": {"message_id": "message1"},
            "Tag": "campaign1",
            "TrackOpens": False,
            "TrackLinks": "None",
            "MessageStream": "broadcast",
        }
    ]


@pytest.mark.parametrize(
    ("mail_class", "stream"),
    [("transactional", "out"), ("reminder", "out"), ("lifecycle", "news"), ("promotional", "news")],
)
def test_marketing_leaves_through_the_broadcast_stream(net: Net, mail_class: str, stream: str) -> None:
    net.answer = WORLDS["postmark"].accepts or net.answer
    there = postmark(net, transactional_stream="out", broadcast_stream="news")
    there.send([mail(mail_class=mail_class)], "key1")
    assert sent(net)[0]["MessageStream"] == stream


def test_a_batch_fits_the_official_description(net: Net) -> None:
    described = official.spec("postmark")
    net.answer = WORLDS["postmark"].accepts or net.answer
    postmark(net).send([mail(1), mail(2, reply_to="", campaign="", headers={}, to_name="")], "key1")
    assert "/email/batch" in described["paths"]
    official.validate(sent(net), described, "definitions/SendEmailBatchRequest")
    # The description is older than metadata and streams; nothing else may be unknown to it.
    known = set(described["definitions"]["SendEmailRequest"]["properties"]) | {"Metadata", "MessageStream"}
    assert all(set(m) <= known for m in sent(net))


def test_each_mail_has_its_own_outcome(net: Net) -> None:
    codes = [0, 406, 300, 401, 405, 100, 429, 1235, 999]
    net.answer = lambda _: httpx.Response(
        200, json=[{"ErrorCode": c, "Message": f"said {c}", "MessageID": "m1"} for c in codes] + [{}, None]
    )
    outcomes = postmark(net).send([mail(n) for n in range(len(codes) + 2)], "key1")
    assert outcomes[0] == Accepted("m1")
    kinds: list[type[SendError]] = [
        Refused,
        Refused,
        Misconfigured,
        Misconfigured,
        Later,
        Later,
        Misconfigured,
        Refused,
    ]
    assert [type(o) for o in outcomes[1:]] == [*kinds, Unsure, Unsure]
    errors = [o for o in outcomes if isinstance(o, SendError)]
    assert [e.suppress for e in errors] == [True, *[False] * 9]
    assert [e.code for e in errors[:3]] == ["406", "300", "401"]
    assert "said 406" in str(errors[0])


def test_a_mail_that_was_taken_without_an_id_is_still_taken(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json=[{"ErrorCode": 0}])
    assert postmark(net).send([mail()], "key1") == [Accepted("")]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (422, 405, Misconfigured),
        (422, 412, Misconfigured),
        (422, 402, Refused),
        (422, 100, Later),
        (401, 10, Misconfigured),
        (500, 406, Unsure),
        (503, 100, Later),
    ],
)
def test_a_whole_batch_that_was_not_taken(net: Net, status: int, code: int, error: type[SendError]) -> None:
    net.answer = lambda _: httpx.Response(status, json={"ErrorCode": code, "Message": "why"})
    with pytest.raises(error, match="why") as caught:
        postmark(net).send([mail(1), mail(2)], "key1")
    assert caught.value.code == str(code)


class Search:
    """Postmark's search over what it has, by stream."""

    def __init__(self, **held: dict[str, str]) -> None:
        self.held = held

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        found = self.held.get(asked["messagestream"], {}).get(asked["metadata_message_id"])
        messages = [{"MessageID": found, "Status": "Sent"}] if found else []
        return httpx.Response(200, json={"TotalCount": len(messages), "Messages": messages})


def test_finds_by_our_id_in_both_streams(net: Net) -> None:
    net.answer = Search(outbound={"a": "id-a"}, broadcast={"b": "id-b"})
    assert postmark(net).find(["a", "b", "c"], SINCE) == {"a": Accepted("id-a"), "b": Accepted("id-b"), "c": None}
    assert {r.method for r in net.requests} == {"GET"}
    assert net.requests[0].url.params["fromdate"] == "2026-03-09", "its dates are US Eastern"


def test_the_search_asks_as_the_official_description_says(net: Net) -> None:
    described = official.spec("postmark")["paths"]["/messages/outbound"]["get"]["parameters"]
    net.answer = Search()
    postmark(net).find(["a"], SINCE)
    asked = set(net.requests[0].url.params)
    assert {p["name"] for p in described if p["in"] == "query" and p.get("required")} <= asked
    # The description is older than these two filters.
    assert asked <= {p["name"] for p in described} | {"messagestream", "metadata_message_id"}


def test_a_look_up_that_breaks_off_leaves_the_rest_out(net: Net) -> None:
    search = Search(outbound={"a": "id-a"})
    net.answer = lambda r: search(r) if r.url.params["metadata_message_id"] == "a" else httpx.Response(500)
    assert postmark(net).find(["a", "b", "c"], SINCE) == {"a": Accepted("id-a")}
    assert len(net.requests) == 2


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_look_up_that_finds_out_nothing_says_so(net: Net, status: int) -> None:
    net.answer = lambda _: httpx.Response(status)
    with pytest.raises(Misconfigured if status == 401 else Later):
        postmark(net).find(["a", "b"], SINCE)


def test_a_search_that_answers_with_somebody_elses_mail_found_nothing(net: Net) -> None:
    other = {"MessageID": "id-x", "Metadata": {"message_id": "x"}}
    net.answer = lambda _: httpx.Response(200, json={"Messages": [other]})
    assert postmark(net).find(["a"], SINCE) == {"a": None}


def test_a_check_asks_for_the_server_and_both_streams(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"Name": "Wren's mails"})
    assert "Wren's mails" in postmark(net).check()
    assert [r.url.path for r in net.requests] == ["/server", "/message-streams/outbound", "/message-streams/broadcast"]


def test_a_check_names_the_stream_that_is_missing(net: Net) -> None:
    net.answer = lambda r: httpx.Response(404 if "broadcast" in r.url.path else 200, json={"Name": "x"})
    with pytest.raises(Misconfigured, match="broadcast"):
        postmark(net).check()


@pytest.mark.parametrize(
    ("user", "password"),
    [("cartwheel", "wrong"), ("", ""), ("wheel", "password-of-tests"), ("cartwheel", ""), ("cartwheel", "pässword")],
)
def test_only_who_knows_user_and_password_gets_in(net: Net, user: str, password: str) -> None:
    body = b'{"RecordType": "Delivery"}'
    with pytest.raises(BadSignature):
        postmark(net).open(Request(basic(user, password), body), NOW)
    assert postmark(net).open(Request(basic("cartwheel", "password-of-tests"), body), NOW).topic == "Delivery"


def test_a_password_is_made_up_and_stays(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        settings = {"server_token": " token-1 "}
        row = connect(
            app, session, store_id=store.id, role="provider", kind="postmark", name="P", settings=settings, now=NOW
        )
        first, second = (provider_of(app, row, app.http()).hook_url("https://mail.example.com/hooks/x") for _ in "12")
    assert first == second
    assert first.startswith("https://cartwheel:")
    assert first.endswith("@mail.example.com/hooks/x")
    user, password = first.removeprefix("https://").partition("@")[0].split(":")
    assert len(password) >= 26
    assert user == "cartwheel"


@pytest.mark.parametrize(
    "settings",
    [
        {"server_token": ""},
        {"server_token": "tok en"},
        {"server_token": "tökèn"},
        {"server_token": "a\nb"},
        {"webhook_password": "short"},
        {"webhook_password": "with@sign-and-more"},
        {"webhook_user": "a:b"},
        {"base_url": "http://api.example.com"},
        {"base_url": "https://user@api.example.com"},
        {"base_url": "ftp://api.example.com"},
        {"broadcast_stream": "../server"},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(net: Net, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        postmark(net, **settings)


def test_a_local_stand_in_needs_no_tls(net: Net) -> None:
    net.answer = WORLDS["postmark"].accepts or net.answer
    postmark(net, base_url="http://127.0.0.1:9999/").send([mail()], "key1")
    assert str(net.requests[0].url) == "http://127.0.0.1:9999/email/batch"


def test_an_event_without_a_time_is_unreadable() -> None:
    there = postmark(Net())
    with pytest.raises(Unreadable, match="DeliveredAt"):
        there.translate(Envelope("d", "Delivery", b'{"MessageID": "m"}'))
    with pytest.raises(Unreadable, match="DeliveredAt"):
        there.open(Request(basic("cartwheel", "password-of-tests"), b'{"RecordType":"Delivery","DeliveredAt":7}'), NOW)


@pytest.mark.parametrize("path", official.payloads("postmark") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = postmark(net)
    body = path.read_bytes()
    envelope = there.open(Request(basic("cartwheel", "password-of-tests"), body), NOW)
    assert envelope.topic in RECORDS
    events = there.translate(envelope)
    assert all(isinstance(e, MailEvent) and e.provider_id for e in events)
    assert len(events) == 1, "each of them tells of one thing"
