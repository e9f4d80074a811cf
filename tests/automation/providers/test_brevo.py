from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import MailEvent
from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.brevo import Brevo
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail


def brevo(net: Net, **settings: Any) -> Brevo:
    return Brevo(Brevo.Settings.model_validate({**WORLDS["brevo"].settings, **settings}), net.client())


def signed(body: bytes) -> Request:
    signs = WORLDS["brevo"].signs
    assert signs is not None
    return Request(signs(body, NOW), body)


def sent(net: Net, number: int = 0) -> Any:
    return orjson.loads(net.requests[number].content)


def test_a_batch_as_brevo_gets_it(net: Net) -> None:
    net.answer = WORLDS["brevo"].accepts or net.answer
    brevo(net).send([mail(1)], "key1")
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.brevo.com/v3/smtp/email")
    assert request.headers["api-key"] == "xkeysib-tests"
    said = sent(net)
    assert len(said.pop("headers")["idempotencyKey"]) == 36
    assert said == {
        "sender": {"email": "hello@wren.example.com", "name": "Wren & Thistle"},
        "subject": "Your cart is waiting ☕",
        "htmlContent": "<p>Hello</p>",
        "messageVersions": [
            {
                "to": [{"email": "ada1@example.com", "name": "Ada Countess Löve"}],
                "subject": "Your cart is waiting ☕",
                "htmlContent": "<p>Hello</p>",
                "textContent": "Hello",
                "replyTo": {"email": "help@wren.example.com"},
                "headers": {
                    "List-Unsubscribe": "<https://mail.example.com/u/1>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                    "X-Mailin-custom": '{"message_id":"message1"}',
                },
            }
        ],
        "tags": ["campaign1"],
    }


def test_a_batch_fits_the_description_derived_from_the_official_library(net: Net) -> None:
    described = official.spec("brevo", "derived.yaml")
    net.answer = WORLDS["brevo"].accepts or net.answer
    brevo(net).send([mail(1), mail(2, reply_to="", campaign="", headers={}, to_name="x" * 200, text="")], "key1")
    official.validate(sent(net), described, "components/schemas/SendSmtpEmail")
    schemas = described["components"]["schemas"]
    assert set(sent(net)) <= set(schemas["SendSmtpEmail"]["properties"])
    assert all(set(v) <= set(schemas["MessageVersion"]["properties"]) for v in sent(net)["messageVersions"])


def test_the_same_batch_again_is_the_same_request(net: Net) -> None:
    net.answer = WORLDS["brevo"].accepts or net.answer
    for key in ("key1", "key1", "key2"):
        brevo(net).send([mail(1), mail(2)], key)
    assert net.requests[0].content == net.requests[1].content
    assert sent(net, 0)["headers"] != sent(net, 2)["headers"]


def test_a_repeated_key_means_that_the_batch_was_accepted_before(net: Net) -> None:
    net.answer = lambda _: httpx.Response(400, json={"code": "duplicate_parameter", "message": "idempotencyKey"})
    assert brevo(net).send([mail(1), mail(2)], "key1") == [Accepted(""), Accepted("")]


def test_a_batch_is_repeated_only_while_its_key_is_remembered() -> None:
    assert Brevo.key_window < timedelta(minutes=15)


@pytest.mark.parametrize("tag", ["{{ contact.EMAIL }}", "{% if 1 %}", "{# note #}", "{{{x}}}"])
def test_what_looks_like_brevos_template_language_is_text(net: Net, tag: str) -> None:
    net.answer = WORLDS["brevo"].accepts or net.answer
    brevo(net).send([mail(1, subject=tag, html=tag, text=tag, to_name=tag)], "key1")
    assert not any(begin in net.requests[0].content.decode() for begin in ("{{", "{%", "{#"))


def test_another_senders_mails_wait_for_a_request_of_their_own(net: Net) -> None:
    net.answer = WORLDS["brevo"].accepts or net.answer
    outcomes = brevo(net).send([mail(1), mail(2, from_name="Other"), mail(3)], "key1")
    assert (outcomes[0], outcomes[2]) == (Accepted("id-of-message1"), Accepted("id-of-message3"))
    assert isinstance(outcomes[1], HeldBack)


@pytest.mark.parametrize("said", [{"messageIds": ["<a>"]}, {"messageId": "<a>"}, {"messageIds": "a"}, []])
def test_an_answer_that_does_not_add_up_leaves_it_open(net: Net, said: Any) -> None:
    net.answer = lambda _: httpx.Response(201, json=said)
    with pytest.raises(Unsure):
        brevo(net).send([mail(1), mail(2)], "key1")


def test_a_single_mails_id_may_stand_alone(net: Net) -> None:
    net.answer = lambda _: httpx.Response(201, json={"messageId": "<a@b>"})
    assert brevo(net).send([mail(1)], "key1") == [Accepted("a@b")]


@pytest.mark.parametrize(
    ("status", "code", "message", "error", "after"),
    [
        (400, "invalid_parameter", "email is not valid in to", Refused, None),
        (400, "invalid_parameter", "the sender you used is not valid", Misconfigured, None),
        (402, "not_enough_credits", "no credits", Misconfigured, None),
        (401, "unauthorized", "Key not found", Misconfigured, None),
        (429, "too_many_requests", "slow down", Later, timedelta(seconds=40)),
        (500, "too_many_requests", "oops", Unsure, None),
        (500, "duplicate_parameter", "oops", Unsure, None),
    ],
)
def test_an_error_says_what_to_do_next(
    net: Net, status: int, code: str, message: str, error: type[SendError], after: timedelta | None
) -> None:
    said = {"code": code, "message": message}
    net.answer = lambda _: httpx.Response(status, json=said, headers={"x-sib-ratelimit-reset": "40"})
    with pytest.raises(error, match=message) as caught:
        brevo(net).send([mail(1), mail(2)], "key1")
    assert (caught.value.code, getattr(caught.value, "after", None)) == (code, after)


def test_a_check_warns_of_brevos_own_unsubscribing(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"relay": {"enabled": True}})
    assert "List-Unsubscribe" in brevo(net).check()
    net.answer = lambda _: httpx.Response(200, json={"relay": {"enabled": False}})
    with pytest.raises(Misconfigured, match="not activated"):
        brevo(net).check()


def test_only_who_knows_user_and_password_gets_in(net: Net) -> None:
    body = b'{"event": "delivered"}'
    assert brevo(net).hook_url("https://mail.example.com/hooks/x").startswith("https://cartwheel:password-of-tests@")
    with pytest.raises(BadSignature):
        brevo(net, webhook_password="another-password").open(signed(body), NOW)
    assert brevo(net).open(signed(body), NOW).topic == "delivered"


def test_a_first_opening_and_the_opening_itself_are_one(net: Net) -> None:
    both = [
        {"event": event, "email": "ada@example.com", "message-id": "<a>", "ts_event": 1773144000}
        for event in ("unique_opened", "opened")
    ]
    found = brevo(net).translate(Envelope("d", "several", orjson.dumps(both)))
    assert len({e.external_id for e in found if isinstance(e, MailEvent)}) == 1


def test_a_broken_event_of_a_batch_is_named(net: Net) -> None:
    with pytest.raises(Unreadable, match="Event 2"):
        brevo(net).open(signed(b'[{"event": "opened"}, 7]'), NOW)
    with pytest.raises(Unreadable, match="Event 1: ts_epoch"):
        brevo(net).translate(Envelope("d", "opened", b'{"event": "opened", "ts_epoch": "noon"}'))


EXPECTED = {
    "blocked": "rejected",
    "click": "click",
    "complaint": "complaint",
    "deferred": "deferred",
    "delivered": "delivered",
    "error": "hard_bounce",  # the file tells of an invalid address
    "hard-bounce": "hard_bounce",
    "invalid-email": "hard_bounce",
    "opened": "open",
    "request": "accepted",
    "sent": "accepted",
    "soft-bounce": "soft_bounce",
    "spam": "complaint",
    "unique": "open",
    "unsubscribe": "unsubscribe",
}


@pytest.mark.parametrize("path", official.payloads("brevo") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    there = brevo(net)
    (event,) = there.translate(there.open(signed(path.read_bytes()), NOW))
    assert isinstance(event, MailEvent)
    assert event.event == next(word for part, word in EXPECTED.items() if path.stem.startswith(f"brevo-{part}"))
    assert event.provider_id
    assert event.email
    assert event.is_machine == ("proxy" in path.stem)
    assert event.is_suppressed == ("blocked" in path.stem)
    assert 2017 < event.at.year < 2027
