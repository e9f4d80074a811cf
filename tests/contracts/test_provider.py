"""What every provider owes the deliver and listen stages, held for each that discovery finds."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import MailEvent
from automation.discovery import implementations
from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Mail, Provider, Request
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import RECORDINGS, WORLDS, mail

KINDS = implementations("automation.providers", Provider)  # type: ignore[type-abstract]  # the contract itself is looked for
NETWORKED = [k for k in KINDS if k in WORLDS and WORLDS[k].accepts]
HOOKED = [k for k in KINDS if k in WORLDS and WORLDS[k].signs]
RECORDED = [(k, path) for k in HOOKED for path in sorted((RECORDINGS / k).iterdir()) if path.stem != "expected"]


def provider(kind: str, net: Net, **settings: Any) -> Provider:
    cls = KINDS[kind]
    there = cls(cls.Settings.model_validate({**WORLDS[kind].settings, **settings}), net.client())
    WORLDS[kind].prepares(there)
    return there


@pytest.fixture
def settings(kind: str) -> Iterator[dict[str, Any]]:
    """What leads to a real server where the provider needs one."""
    server = WORLDS[kind].server
    with server() if server else nullcontext({}) as found:
        yield found


def first_error(there: Provider, *mails: Mail) -> SendError:
    """Why a batch was not taken: raised, or said of the first mail while the others were held back or fared alike."""
    try:
        first, *others = there.send(mails, "key1")
    except SendError as error:
        return error
    assert isinstance(first, SendError)
    assert all(isinstance(o, HeldBack | type(first)) for o in others)
    return first


def signed(kind: str, body: bytes, **changes: str) -> Request:
    signs = WORLDS[kind].signs
    assert signs is not None
    body = WORLDS[kind].seals(body, NOW)
    return Request({**signs(body, NOW), **changes}, body)


def test_every_provider_is_held_to_this_contract() -> None:
    assert set(KINDS) == set(WORLDS)
    assert {k for k in KINDS if (RECORDINGS / k / "expected.json").exists()} == set(HOOKED)


@pytest.mark.parametrize("kind", KINDS)
def test_says_what_it_is(kind: str) -> None:
    cls = KINDS[kind]
    assert cls.kind == kind
    assert cls.label
    assert len(cls.__doc__ or "") > 40
    assert cls.guarantee in {"A", "B", "C"}
    assert 1 <= cls.batch_size <= 1000
    assert (cls.guarantee == "B") == (cls.find is not Provider.find)
    for name, field in cls.Settings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("kind", KINDS)
def test_an_accepted_batch_gives_one_id_per_mail_in_order(kind: str, settings: dict[str, Any], net: Net) -> None:
    world = WORLDS[kind]
    net.answer = world.accepts or net.answer
    outcomes = provider(kind, net, **settings).send([mail(n) for n in range(5)], "key1")
    assert outcomes == [Accepted(world.id_of(f"message{n}")) for n in range(5)]
    assert len(net.requests) == (0 if world.accepts is None else 5 if world.is_one_by_one else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "flaw",
    [
        {"subject": "Hello\r\nBcc: eve@example.com"},
        {"subject": "Hello\x00"},
        {"to_name": "Ada\nBcc: eve@example.com"},
        {"to_email": "ada@example.com, eve@example.com"},
        {"to_email": "ada@example.com\r\nBcc: eve@example.com"},
        {"to_email": ""},
        {"from_name": "Wren\r\nBcc: eve@example.com"},
        {"from_email": "hello@wren.example.com,eve@example.com"},
        {"reply_to": "a@example.com\nX: y"},
        {"headers": {"X-Note": "a\r\nBcc: eve@example.com"}},
        {"headers": {"X-Note\r\nBcc": "eve@example.com"}},
        {"headers": {"Bcc": "eve@example.com"}},
        {"headers": {"to": "eve@example.com"}},
        {"message_id": "one two"},
    ],
    ids="-".join,
)
def test_a_mail_that_smuggles_a_header_or_recipient_never_leaves(
    kind: str, settings: dict[str, Any], flaw: dict[str, Any], net: Net
) -> None:
    world = WORLDS[kind]
    net.answer = world.accepts or net.answer
    first, second = provider(kind, net, **settings).send([mail(1, **flaw), mail(2)], "key1")
    assert isinstance(first, Refused | Misconfigured)
    assert second == Accepted(world.id_of("message2"))
    assert all(b"eve@example.com" not in r.content for r in net.requests)


@pytest.mark.parametrize("kind", NETWORKED)
def test_a_batch_of_flawed_mails_asks_nobody(kind: str, net: Net) -> None:
    (outcome,) = provider(kind, net).send([mail(subject="a\nb")], "key1")
    assert isinstance(outcome, Refused)
    assert net.requests == []


def _raising(error: type[httpx.RequestError]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("the test says so", request=request)

    return answer


class _Broken(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        yield b'{"data": ['
        raise httpx.ReadError("reset")


FAULTS: dict[str, tuple[Callable[[httpx.Request], httpx.Response], type[SendError]]] = {
    "400": (lambda _: httpx.Response(400, json={"message": "no"}), Refused),
    "413": (lambda _: httpx.Response(413), Refused),
    "422": (lambda _: httpx.Response(422, json={"message": "no"}), Refused),
    "401": (lambda _: httpx.Response(401, json={"message": "who?"}), Misconfigured),
    "403": (lambda _: httpx.Response(403, text="<html>"), Misconfigured),
    "404": (lambda _: httpx.Response(404), Misconfigured),
    "redirect": (lambda _: httpx.Response(307, headers={"location": "https://evil.example.com"}), Misconfigured),
    "429": (lambda _: httpx.Response(429), Later),
    "503": (lambda _: httpx.Response(503), Later),
    "500": (lambda _: httpx.Response(500, json={"name": "rate_limit_exceeded", "ErrorCode": 100}), Unsure),
    "502": (lambda _: httpx.Response(502, text="<html>"), Unsure),
    "504": (lambda _: httpx.Response(504), Unsure),
    "connect refused": (_raising(httpx.ConnectError), Later),
    "connect timeout": (_raising(httpx.ConnectTimeout), Later),
    "pool timeout": (_raising(httpx.PoolTimeout), Later),
    "read timeout": (_raising(httpx.ReadTimeout), Unsure),
    "write timeout": (_raising(httpx.WriteTimeout), Unsure),
    "reset": (_raising(httpx.ReadError), Unsure),
    "write error": (_raising(httpx.WriteError), Unsure),
    "stale connection": (_raising(httpx.RemoteProtocolError), Unsure),
    "200 of nothing": (lambda _: httpx.Response(200), Unsure),
    "200 of html": (lambda _: httpx.Response(200, text="<html>"), Unsure),
    "200 of null": (lambda _: httpx.Response(200, json=None), Unsure),
    "200 of another shape": (lambda _: httpx.Response(200, json={"data": {"id": "x"}}), Unsure),
    "200 of too few": (lambda _: httpx.Response(200, json=[]), Unsure),
    "200 in another charset": (lambda _: httpx.Response(200, content='{"data": "é"}'.encode("latin-1")), Unsure),
    "reset amid the body": (lambda _: httpx.Response(200, stream=_Broken()), Unsure),
    "not gzip": (lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Broken()), Unsure),
    "gzip bomb": (
        lambda _: httpx.Response(
            200, headers={"content-encoding": "gzip"}, content=gzip.compress(b" " * 20_000_000, compresslevel=1)
        ),
        Unsure,
    ),
}


@pytest.mark.parametrize("kind", NETWORKED)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_says_what_to_do_next(kind: str, fault: str, net: Net) -> None:
    net.answer, error = FAULTS[fault]
    caught = first_error(provider(kind, net), mail(1), mail(2))
    assert isinstance(caught, error)
    for secret in WORLDS[kind].settings.values():
        assert str(secret) not in str(caught)
    tried = 2 if WORLDS[kind].is_one_by_one and error is Refused else 1
    assert len(net.requests) == tried, "a provider never tries again by itself"


@pytest.mark.parametrize("kind", NETWORKED)
@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        (
            {"retry-after": "Tue, 10 Mar 2026 12:01:00 GMT", "date": "Tue, 10 Mar 2026 12:00:00 GMT"},
            timedelta(minutes=1),
        ),
        ({"retry-after": "Tue, 10 Mar 2026 12:01:00 GMT"}, None),
        ({"retry-after": "99999999999999999999"}, None),
        ({"retry-after": "31536000"}, timedelta(hours=1)),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_later_says_how_long_the_provider_asked_to_wait(
    kind: str, status: int, headers: dict[str, str], after: timedelta | None, net: Net
) -> None:
    net.answer = lambda _: httpx.Response(status, headers=headers)
    with pytest.raises(Later) as caught:
        provider(kind, net).send([mail()], "key1")
    assert caught.value.after == after


@pytest.mark.parametrize("kind", NETWORKED)
@pytest.mark.parametrize("status", [401, 403])
def test_a_check_with_a_wrong_key_says_so(kind: str, status: int, net: Net) -> None:
    net.answer = lambda _: httpx.Response(status, json={"Message": "bad token", "message": "bad key"})
    with pytest.raises(Misconfigured):
        provider(kind, net).check()


@pytest.mark.parametrize("kind", NETWORKED)
@pytest.mark.parametrize("fault", ["429", "500", "503", "connect refused", "read timeout", "200 of html"])
def test_a_check_without_an_answer_is_for_later(kind: str, fault: str, net: Net) -> None:
    net.answer, _ = FAULTS[fault]
    with pytest.raises(Later):
        provider(kind, net).check()
    assert [r.method for r in net.requests] == ["GET"], "a check sends nothing"


@pytest.mark.parametrize(("kind", "path"), RECORDED, ids=lambda v: v.stem if isinstance(v, Path) else v)
def test_a_recording_becomes_the_events_it_tells_of(kind: str, path: Path, net: Net) -> None:
    body = path.read_bytes()
    expected = orjson.loads((RECORDINGS / kind / "expected.json").read_bytes())[path.stem]
    there = provider(kind, net)
    events = there.translate(there.open(signed(kind, body), NOW))
    assert all(isinstance(e, MailEvent) for e in events)
    told = [orjson.loads(e.model_dump_json()) for e in events]
    assert [{k: t[k] for k in e} for t, e in zip(told, expected, strict=True)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_unsigned_request_is_turned_away(kind: str, net: Net) -> None:
    for headers in ({}, {"authorization": "Basic"}, {"authorization": "Basic ====", "svix-id": "x"}):
        with pytest.raises(BadSignature):
            provider(kind, net).open(Request(headers, b"{}"), NOW)


@pytest.mark.parametrize("kind", HOOKED)
def test_what_is_no_event_is_unreadable(kind: str, net: Net) -> None:
    there = provider(kind, net)
    for body in (b"", b"{", b"[]", b"null", b"7", b"{}", b'{"type": 3, "RecordType": 3}', b"\xff"):
        with pytest.raises(Unreadable):
            there.open(signed(kind, body), NOW)
    for topic in sorted(there.topics):
        with pytest.raises(Unreadable):
            there.translate(Envelope("d1", topic, b"[]"))


@pytest.mark.parametrize("kind", HOOKED)
def test_a_topic_that_nobody_knows_is_accepted_and_means_nothing(kind: str, net: Net) -> None:
    there = provider(kind, net)
    envelope = there.open(signed(kind, WORLDS[kind].unknown), NOW)
    assert envelope.topic not in there.topics
    assert there.translate(envelope) == []


@pytest.mark.parametrize("kind", HOOKED)
def test_the_same_delivery_has_the_same_id(kind: str, net: Net) -> None:
    there = provider(kind, net)
    path = next(p for p in sorted((RECORDINGS / kind).iterdir()) if p.stem != "expected")
    first, second = (there.open(signed(kind, path.read_bytes()), NOW) for _ in range(2))
    assert first == second
    assert 1 <= len(first.delivery_id) <= 128
