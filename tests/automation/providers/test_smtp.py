from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from pydantic import ValidationError

from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unsure
from automation.provider import Accepted, Outcome, Request
from automation.providers.smtp import Smtp, talk
from tests import certificates
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail
from tests.mail_server import MailServer, close, drip, half, hang, reset

TIMEOUT = 0.3


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    yield
    talk.hang_up()


def smtp(server: MailServer | None = None, **settings: Any) -> Smtp:
    known = {**WORLDS["smtp"].settings, "timeout": TIMEOUT}
    if server is not None:
        known["port"] = server.port
    return Smtp(Smtp.Settings.model_validate({**known, **settings}), Net().client())


def words(outcomes: list[Outcome]) -> list[str]:
    return [type(o).__name__ for o in outcomes]


def mails(count: int) -> list[Any]:
    return [mail(n) for n in range(1, count + 1)]


def test_mails_of_several_batches_travel_over_one_connection() -> None:
    with MailServer() as server:
        there = smtp(server)
        for _ in "12":
            outcomes = there.send(mails(3), "key1")
            assert outcomes == [Accepted(f"id-of-message{n}") for n in (1, 2, 3)]
        talk.hang_up()
    assert server.connections == 1
    assert [m.recipient for m in server.arrived] == [f"ada{n}@example.com" for n in (1, 2, 3)] * 2


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_a_refusal_between_others_is_that_mails_alone(offers: tuple[str, ...]) -> None:
    answers = {
        "ada1@example.com": "550 5.1.1 no such user",
        "ada3@example.com": "450 4.2.0 greylisted, come back",
        "ada4@example.com": "552 5.2.2 mailbox full",
    }
    with MailServer(offers=offers, per_recipient=answers) as server:
        first, second, third, fourth, fifth = smtp(server).send(mails(5), "key1")
        talk.hang_up()
    assert isinstance(first, Refused)
    assert (first.suppress, first.code) == (True, "550")
    assert isinstance(third, Later)
    assert isinstance(fourth, Refused)
    assert not fourth.suppress
    assert (second, fifth) == (Accepted("id-of-message2"), Accepted("id-of-message5"))
    assert [m.recipient for m in server.arrived] == ["ada2@example.com", "ada5@example.com"]


ANSWERS: dict[tuple[str, str], str] = {
    ("mail", "550 5.7.1 not your address"): "Misconfigured",
    ("mail", "530 5.7.0 log in first"): "Misconfigured",
    ("mail", "552 5.3.4 too large"): "Refused",
    ("mail", "451 4.3.0 busy"): "Later",
    ("rcpt", "554 5.7.1 Relay access denied"): "Misconfigured",
    ("rcpt", "530 5.7.0 log in first"): "Misconfigured",
    ("rcpt", "550 5.7.1 blocked by policy"): "Refused",
    ("rcpt", "421 4.7.0 too many connections"): "Later",
    ("data", "554 5.5.1 no"): "Refused",
    ("data", "451 4.3.0 busy"): "Later",
    ("data", "250 what?"): "Later",
    ("content", "552 5.3.4 too large"): "Refused",
    ("content", "550 5.1.1 no such user after all"): "Refused",
    ("content", "451 4.3.0 not now"): "Later",
    ("content", "354 go on"): "Unsure",
}


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["alone", "pipelined"])
@pytest.mark.parametrize(("point", "answer"), ANSWERS, ids=lambda v: v[:7] if isinstance(v, str) else "")
def test_an_answer_says_what_to_do_next(point: str, answer: str, offers: tuple[str, ...]) -> None:
    with MailServer({point: answer}, offers) as server:
        outcomes = smtp(server).send(mails(2), "key1")
        talk.hang_up()
    expected = ANSWERS[point, answer]
    assert words(outcomes) == [expected, "HeldBack" if expected == "Unsure" else expected]
    assert isinstance(outcomes[0], SendError)
    assert outcomes[0].suppress is ("5.1.1" in answer)


@pytest.mark.parametrize("act", [close, reset, hang, drip, half], ids=lambda a: a.__name__)
@pytest.mark.parametrize("point", ["mail", "rcpt", "data", "content"])
def test_only_a_mail_whose_content_left_is_unsure(point: str, act: Any) -> None:
    with MailServer({point: act}) as server:
        outcomes = smtp(server).send(mails(3), "key1")
        talk.hang_up()
    expected = ["Unsure", "HeldBack", "HeldBack"] if point == "content" else ["HeldBack"] * 3
    assert words(outcomes) == expected
    assert server.connections == 1, "it does not try again by itself"


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["alone", "pipelined"])
def test_what_was_accepted_before_the_connection_broke_stays_accepted(offers: tuple[str, ...]) -> None:
    with MailServer(offers=offers) as server:

        def second(talking: Any) -> str:
            return "250 2.0.0 Ok: queued as first" if len(server.arrived) == 1 else close(talking)

        server.acts["content"] = second
        outcomes = smtp(server).send(mails(4), "key1")
        talk.hang_up()
    assert words(outcomes) == ["Accepted", "Unsure", "HeldBack", "HeldBack"]


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["alone", "pipelined"])
def test_an_answer_that_comes_twice_is_not_the_next_mails(offers: tuple[str, ...]) -> None:
    with MailServer({"content": "250 2.0.0 ok\r\n250 2.0.0 ok"}, offers) as server:
        there = smtp(server)
        for _ in "12":
            first, *others = there.send(mails(3), "key1")
            assert isinstance(first, Accepted | HeldBack)
            assert all(isinstance(o, HeldBack) for o in others)
            assert {m.recipient for m in server.arrived} == {"ada1@example.com"}
        talk.hang_up()


@pytest.mark.parametrize("act", [close, reset, hang, drip, half], ids=lambda a: a.__name__)
@pytest.mark.parametrize("point", ["greeting", "ehlo", "auth", "starttls"])
def test_a_server_in_trouble_before_any_mail_is_for_later(point: str, act: Any) -> None:
    context = certificates.made()[1] if point == "starttls" else None
    with MailServer({point: act}, users={"u": "p"}, context=context) as server:
        security = "starttls" if context else "none"
        with pytest.raises(Later):
            smtp(server, user="u", password="p", security=security).send(mails(2), "key1")


def test_nobody_there_is_for_later() -> None:
    for host, port in (("127.0.0.1", 1), ("nowhere.invalid", 25)):
        with pytest.raises(Later, match="No connection"):
            smtp(host=host, port=port).send(mails(1), "key1")


@pytest.mark.parametrize(
    ("acts", "error"),
    [
        ({"greeting": "554 5.3.2 no mail service here"}, Misconfigured),
        ({"greeting": "421 4.3.2 come back"}, Later),
        ({"auth": "535 5.7.8 wrong"}, Misconfigured),
        ({"auth": "454 4.7.0 temporary"}, Later),
    ],
)
def test_a_server_that_does_not_let_us_in(acts: dict[str, Any], error: type[SendError]) -> None:
    with MailServer(acts, users={"u": "p"}) as server, pytest.raises(error):
        smtp(server, user="u", password="p").send(mails(2), "key1")


def test_a_password_that_the_server_does_not_ask_for_is_a_mistake() -> None:
    with MailServer() as server, pytest.raises(Misconfigured, match="takes no user"):
        smtp(server, user="u", password="p").send(mails(1), "key1")


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_user_and_password_travel_encrypted(security: str, mechanisms: str) -> None:
    authority, context = certificates.made()
    with MailServer(
        context=context, is_implicit=security == "tls", users={"u": "secret words"}, mechanisms=mechanisms
    ) as server:
        settings = {"host": "localhost", "security": security, "authority": authority}
        there = smtp(server, user="u", password="secret words", **settings)
        assert words(there.send(mails(2), "key1")) == ["Accepted"] * 2
        said = there.check()
        talk.hang_up()
        with pytest.raises(Misconfigured, match="535") as caught:
            smtp(server, user="u", password="wrong-one", **settings).send(mails(1), "key1")
    assert "TLSv1." in said
    assert "PIPELINING" in said
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "is_expired", "is_known"),
    [("localhost", True, True), ("elsewhere.example.com", False, True), ("localhost", False, False)],
    ids=["expired", "another name", "unknown authority"],
)
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_good_stops_everything(
    name: str, is_expired: bool, is_known: bool, security: str
) -> None:
    authority, context = certificates.made(name, is_expired=is_expired)
    with MailServer(context=context, is_implicit=security == "tls", users={"u": "p"}) as server:
        settings = {"host": "localhost", "security": security, "authority": authority if is_known else ""}
        with pytest.raises(Misconfigured, match="certificate"):
            smtp(server, user="u", password="p", **settings).send(mails(1), "key1")
    assert not server.arrived
    assert not any(c.startswith("AUTH") for c in server.commands)


def test_a_server_without_starttls_gets_neither_mail_nor_password() -> None:
    with MailServer(users={"u": "p"}) as server, pytest.raises(Misconfigured, match="no STARTTLS"):
        smtp(server, security="starttls", user="u", password="p").send(mails(1), "key1")
    assert not any(c.startswith(("AUTH", "MAIL")) for c in server.commands)


def test_a_kept_connection_that_died_is_replaced_before_anything_leaves() -> None:
    with MailServer() as server:
        there = smtp(server)
        there.send(mails(1), "key1")
        server.acts["rset"] = close
        assert words(there.send(mails(2), "key2")) == ["Accepted"] * 2
        talk.hang_up()
    assert server.connections == 2
    assert [m.recipient for m in server.arrived] == ["ada1@example.com", "ada1@example.com", "ada2@example.com"]


def test_other_settings_get_a_connection_of_their_own() -> None:
    with MailServer() as first, MailServer() as second:
        for server in (first, second, first):
            smtp(server).send(mails(1), "key1")
        talk.hang_up()
    assert (first.connections, second.connections) == (2, 1)


def test_what_there_is_no_time_for_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "BUDGET", -1.0)
    with MailServer() as server:
        outcomes = smtp(server).send(mails(2), "key1")
        talk.hang_up()
    assert all(isinstance(o, HeldBack) and "no time" in str(o) for o in outcomes)
    assert server.arrived == []


@pytest.mark.parametrize("offers", [("SMTPUTF8", "8BITMIME", "PIPELINING"), ("PIPELINING",), ()])
def test_an_international_address_between_others(offers: tuple[str, ...]) -> None:
    with MailServer(offers=offers) as server:
        batch = [mail(1), mail(2, to_email="løve@example.com"), mail(3)]
        outcomes = smtp(server).send(batch, "key1")
        talk.hang_up()
    assert words(outcomes) == ["Accepted", "Accepted" if "SMTPUTF8" in offers else "Refused", "Accepted"]


def test_every_letter_of_a_large_mail_arrives() -> None:
    text = "\n".join(f".{n} Zeile mit Umläuten ☕ " + "x" * 200 for n in range(3000))
    with MailServer() as server:
        smtp(server).send([mail(1, text=text), mail(2)], "key1")
        talk.hang_up()
    assert len(server.arrived) == 2
    assert server.arrived[0].content.count(b"=E2=98=95") == 3000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Sink:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802  the library's name
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as A1B2C3"


def test_an_independent_server_takes_our_mails() -> None:
    authority, context = certificates.made()
    sink = _Sink()

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"u", b"p"))

    there = Controller(
        sink,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        authenticator=knows,
        auth_required=True,
        enable_SMTPUTF8=True,
    )
    there.start()
    try:
        settings: dict[str, Any] = {"host": "localhost", "security": "starttls", "authority": authority, "timeout": 5}
        batch = [mail(1, text=".\n..\n.end"), mail(2, to_email="løve@example.com")]
        outcomes = smtp(port=there.port, user="u", password="p", **settings).send(batch, "key1")
        talk.hang_up()
    finally:
        there.stop()
    assert outcomes == [Accepted("A1B2C3")] * 2
    assert [e.rcpt_tos for e in sink.envelopes] == [["ada1@example.com"], ["løve@example.com"]]
    assert sink.envelopes[0].mail_from == "hello@wren.example.com"
    content = sink.envelopes[0].content
    assert isinstance(content, bytes)
    assert b"\r\n=2E\r\n..\r\n.end" in content, "dots are doubled on the way and undone there"


@pytest.mark.parametrize(
    "settings",
    [
        {"host": ""},
        {"host": "mail.example.com\r\nX"},
        {"port": 0},
        {"security": "ssl"},
        {"host": "mail.example.com", "security": "none", "user": "u", "password": "p"},
        {"user": "two words"},
        {"password": "pässword"},
        {"password": "a\nb"},
        {"bounce_address": "a@b.example, c@d.example"},
        {"bounce_address": "<a@b.example>"},
        {"authority": "-----BEGIN CERTIFICATE-----"},
        {"hello_name": "me\r\nQUIT"},
        {"timeout": 0},
        {"timeout": 3600},
        {"unknown": 1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        smtp(**settings)


def test_a_relay_on_a_network_of_trust_needs_no_tls() -> None:
    assert smtp(host="relay.internal", security="none").settings.user == ""


def test_a_check_sends_nothing() -> None:
    with MailServer() as server:
        said = smtp(server).check()
    assert "no encryption" in said
    assert "asks for no user" in said
    assert not any(c.startswith("MAIL") for c in server.commands)
    with pytest.raises(Later):
        smtp(port=1).check()


def test_only_who_knows_user_and_password_may_post_bounces() -> None:
    with pytest.raises(BadSignature):
        smtp().open(Request({"authorization": "Basic Y2FydHdoZWVsOndyb25n"}, b"From: a@b.example\r\n\r\n"), NOW)
    assert smtp().hook_url("https://mail.example.com/hooks/x").startswith("https://cartwheel:password-of-tests@")


def test_an_unsure_mail_says_what_happened() -> None:
    with MailServer({"content": close}) as server, pytest.raises(Unsure, match="The mail left"):
        smtp(server).send(mails(1), "key1")
