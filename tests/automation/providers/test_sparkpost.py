from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.changes import MailEvent
from automation.errors import BadSignature, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.sparkpost import CLASSES, EVENTS, SparkPost
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail

SINCE = datetime(2026, 3, 10, 11, 50, tzinfo=UTC)


def sparkpost(net: Net, **settings: Any) -> SparkPost:
    return SparkPost(SparkPost.Settings.model_validate({**WORLDS["sparkpost"].settings, **settings}), net.client())


def headers() -> dict[str, str]:
    signs = WORLDS["sparkpost"].signs
    assert signs is not None
    return signs(b"", NOW)


def sent(net: Net) -> Any:
    return orjson.loads(net.requests[-1].content)


def test_a_mail_as_sparkpost_gets_it(net: Net) -> None:
    net.answer = WORLDS["sparkpost"].accepts or net.answer
    sparkpost(net).send([mail(1)], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.sparkpost.com/api/v1/transmissions")
    assert request.headers["authorization"] == "key-of-tests"
    assert sent(net) == {
        "options": {
            "open_tracking": False,
            "initial_open": False,
            "click_tracking": False,
            "transactional": False,
            "perform_substitutions": False,
        },
        "campaign_id": "message1",
        "recipients": [
            {
                "address": {"email": "ada1@example.com", "name": 'Ada "Countess" Löve'},
                "tags": ["campaign1"],
                "metadata": {"message_id": "message1"},
            }
        ],
        "content": {
            "from": {"email": "hello@wren.example.com", "name": "Wren & Thistle"},
            "subject": "Your cart is waiting ☕",
            "reply_to": "help@wren.example.com",
            "headers": {
                "List-Unsubscribe": "<https://mail.example.com/u/1>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            "html": "<p>Hello</p>",
            "text": "Hello",
        },
    }


@pytest.mark.parametrize(
    ("mail_class", "is_transactional"),
    [("transactional", True), ("reminder", True), ("lifecycle", False), ("promotional", False)],
)
def test_marketing_is_not_called_transactional(net: Net, mail_class: str, is_transactional: bool) -> None:
    net.answer = WORLDS["sparkpost"].accepts or net.answer
    sparkpost(net).send([mail(mail_class=mail_class)], "key1")
    assert sent(net)["options"]["transactional"] is is_transactional


def test_what_looks_like_its_template_language_travels_as_data(net: Net) -> None:
    net.answer = WORLDS["sparkpost"].accepts or net.answer
    tricky = "{{ loop }} {{{ x }}}"
    mails = mail(subject=tricky, from_name=tricky, headers={"X-Note": tricky}, html=tricky, text=tricky)
    sparkpost(net).send([mails], "key1")
    content, data = sent(net)["content"], sent(net)["recipients"][0]["substitution_data"]
    read_by_it = {"subject": content["subject"], "from": content["from"]["name"], "note": content["headers"]["X-Note"]}
    for value in read_by_it.values():
        name = re.fullmatch(r"\{\{\{(\w+)\}\}\}", value)
        assert name is not None
        assert data[name[1]] == tricky
    assert (content["html"], content["text"]) == (tricky, tricky), "these it leaves alone"


def test_a_request_holds_only_what_the_official_description_names(net: Net) -> None:
    described = official.text("sparkpost-transmissions.apib")
    net.answer = WORLDS["sparkpost"].accepts or net.answer
    sparkpost(net).send([mail(subject="{{x}}")], "key1")
    known = set(re.findall(r"^\s*\+ (\w+) \(", described, re.MULTILINE)) | {"address", "email"}
    recipient = {"address", "tags", "metadata", "substitution_data", "email", "name"}
    whole = sent(net)
    assert set(whole) | set(whole["options"]) | set(whole["content"]) <= known
    assert set(whole["recipients"][0]) | set(whole["recipients"][0]["address"]) <= recipient
    assert f"[{'/v1/transmissions'}]" in described


@pytest.mark.parametrize(
    ("status", "code", "text", "error", "after"),
    [
        (400, "7001", "Unconfigured or unverified sending domain.", Misconfigured, None),
        (400, "1902", "recipient address suppressed due to customer policy", Refused, None),
        (400, "1400", "required field is missing", Refused, None),
        (422, "3003", "something new", Refused, None),
        (420, "2101", "Exceed Sending Limit (hourly)", Later, timedelta(hours=1)),
        (420, "2102", "Exceed Sending Limit (monthly)", Misconfigured, None),
        (429, "", "Too many requests", Later, timedelta(seconds=3)),
        (500, "7001", "it says", Unsure, None),
    ],
)
def test_an_error_says_what_to_do_next(
    net: Net, status: int, code: str, text: str, error: type[SendError], after: timedelta | None
) -> None:
    said = {"errors": [{"message": text, "code": code}]}
    net.answer = lambda _: httpx.Response(status, json=said, headers={"retry-after": "3"})
    with pytest.raises(error, match=re.escape(text)) as caught:
        sparkpost(net).send([mail()], "key1")
    assert getattr(caught.value, "after", None) == after
    assert caught.value.suppress is (code == "1902")


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ({"id": "t1", "total_accepted_recipients": 1, "total_rejected_recipients": 0}, Accepted("t1")),
        ({"total_accepted_recipients": 1, "total_rejected_recipients": 0}, Accepted("")),
    ],
)
def test_a_recipient_who_was_taken_is_accepted(net: Net, results: Any, outcome: Accepted) -> None:
    net.answer = lambda _: httpx.Response(200, json={"results": results})
    assert sparkpost(net).send([mail()], "key1") == [outcome]


def test_a_recipient_who_was_rejected_is_refused(net: Net) -> None:
    error = {"code": "1400", "message": "required field is missing", "description": "address.email is required"}
    results = {"total_accepted_recipients": 0, "total_rejected_recipients": 1, "rcpt_to_errors": [error], "id": "t"}
    net.answer = lambda _: httpx.Response(200, json={"results": results, "errors": [{"code": "2000"}]})
    with pytest.raises(Refused, match=r"address\.email is required"):
        sparkpost(net).send([mail()], "key1")


@pytest.mark.parametrize("results", [{}, {"id": "t", "total_accepted_recipients": 2}, None, []])
def test_an_answer_that_does_not_add_up_leaves_it_open(net: Net, results: Any) -> None:
    net.answer = lambda _: httpx.Response(200, json={"results": results})
    with pytest.raises(Unsure):
        sparkpost(net).send([mail()], "key1")


def injected(*ids: str) -> list[dict[str, Any]]:
    return [{"type": "injection", "transmission_id": f"t-{i}", "rcpt_meta": {"message_id": i}} for i in ids]


def test_finds_all_ids_by_one_search_for_events(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"results": injected("a", "b", "stranger"), "total_count": 3})
    assert sparkpost(net).find(["a", "b", "c"], SINCE) == {"a": Accepted("t-a"), "b": Accepted("t-b"), "c": None}
    (request,) = net.requests
    assert (request.method, request.url.path) == ("GET", "/api/v1/events/message")
    assert request.url.params["campaigns"] == "a,b,c"
    assert request.url.params["from"] == "2026-03-10T11:50"


def test_many_ids_are_asked_for_in_portions_and_a_break_leaves_the_rest_out(net: Net) -> None:
    ids = [f"{'x' * 25}{n}" for n in range(150)]
    net.answer = lambda _: httpx.Response(200 if len(net.requests) == 1 else 429, json={"results": []})
    assert list(sparkpost(net).find(ids, SINCE)) == ids[:100]
    assert all(len(str(r.url)) < 4096 for r in net.requests)


def test_what_its_search_has_forgotten_is_not_taken_for_never_sent(net: Net) -> None:
    now = {"date": "Tue, 24 Mar 2026 12:00:00 GMT"}
    net.answer = lambda _: httpx.Response(200, headers=now, json={"results": injected("a")})
    assert sparkpost(net).find(["a", "b"], SINCE) == {"a": Accepted("t-a")}


@pytest.mark.parametrize("said", [[], {}, {"results": {}}, {"results": [7, {"rcpt_meta": None}]}])
def test_a_search_without_events_finds_nothing_or_says_so(net: Net, said: Any) -> None:
    net.answer = lambda _: httpx.Response(200, json=said)
    if isinstance(said, dict) and isinstance(said.get("results"), list):
        assert sparkpost(net).find(["a"], SINCE) == {"a": None}
    else:
        with pytest.raises(Later):
            sparkpost(net).find(["a"], SINCE)


def test_a_check_needs_the_grant_that_look_ups_need(net: Net) -> None:
    net.answer = lambda _: httpx.Response(403, json={"errors": [{"message": "Forbidden."}]})
    with pytest.raises(Misconfigured, match="Event Search"):
        sparkpost(net).check()
    net.answer = lambda _: httpx.Response(200, json={"results": []})
    assert "List-Unsubscribe of its own" in sparkpost(net).check()


def test_only_who_knows_user_and_password_gets_in(net: Net) -> None:
    body = b'[{"msys": {}}]'
    there = sparkpost(net)
    for given_headers in ({}, {"authorization": "Basic Y2FydHdoZWVsOndyb25n"}, {"authorization": "Bearer x"}):
        with pytest.raises(BadSignature):
            there.open(Request(given_headers, body), NOW)
    assert there.open(Request(headers(), body), NOW).topic == "ping"
    assert there.hook_url("https://mail.example.com/hooks/x") == (
        "https://cartwheel:password-of-tests@mail.example.com/hooks/x"
    )


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('[{"msys": {"message_event": {"type": "delivery"}}}]', r"\[0\].timestamp"),
        ('[{"msys": {"message_event": {"type": "delivery", "timestamp": "soon"}}}]', r"\[0\].timestamp"),
        ('[{"msys": {"message_event": {"type": "delivery", "timestamp": "1", "rcpt_meta": 7}}}]', "rcpt_meta"),
        ('[{"msys": {}}, {"msys": []}]', r"\[1\].msys"),
        ("[7]", r"\[0\].msys"),
    ],
)
def test_what_cannot_be_read_says_where(body: str, where: str) -> None:
    with pytest.raises(Unreadable, match=where):
        sparkpost(Net()).translate(Envelope("d", "delivery", body.encode()))


RECORDED: dict[str, list[str]] = {
    "sparkpost-bounce-challenge-response": [],
    "sparkpost-delay": ["deferred"],
    "sparkpost-generation-failure": ["rejected"],
    "sparkpost-generation-rejection": ["rejected"],
    "sparkpost-injection": ["accepted"],
    "sparkpost-ping": [],
    "sparkpost-unsubscribe": ["unsubscribe"],
}


@pytest.mark.parametrize("path", official.payloads("sparkpost") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = sparkpost(net)
    events = there.translate(there.open(Request(headers(), path.read_bytes()), NOW))
    assert [e.event for e in events if isinstance(e, MailEvent)] == RECORDED[path.stem]
    assert all(isinstance(e, MailEvent) and e.provider_id and e.email for e in events)


@given(
    kind=st.sampled_from([*EVENTS, "initial_open", "moon_rise"]), number=st.integers(0, 120), text=st.text(max_size=40)
)
def test_any_event_of_any_class_is_told_of_or_means_nothing(kind: str, number: int, text: str) -> None:
    said = {"type": kind, "bounce_class": str(number), "raw_reason": text, "timestamp": "1773144000", "event_id": "e"}
    there = sparkpost(Net())
    body = orjson.dumps([{"msys": {"message_event": said}}])
    events = there.translate(there.open(Request(headers(), body), NOW))
    means_nothing = kind not in EVENTS or (kind in {"bounce", "out_of_band"} and not CLASSES.get(str(number), "soft"))
    assert len(events) == (0 if means_nothing else 1)
