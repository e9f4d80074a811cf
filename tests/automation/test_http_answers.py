from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from automation import http_answers
from automation.errors import Later, Misconfigured, Refused, SendError, Unsure
from automation.http_answers import Answer, ask, looked_up, verdict


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def answered(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, httpx.Headers(headers), body)


class Slow(httpx.SyncByteStream):
    """Says nothing, one byte after the other."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b" "


class Cut(httpx.SyncByteStream):
    """Breaks off in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"message": '
        raise httpx.ReadError("reset")


@pytest.mark.parametrize(
    ("statuses", "error"),
    [
        ((200, 201, 202, 204), None),
        ((408, 425, 429, 503), Later),
        ((301, 302, 307, 308, 401, 402, 403, 404, 405, 410), Misconfigured),
        ((400, 406, 413, 415, 422, 451), Refused),
        ((409, 500, 501, 502, 504, 520, 522, 524, 529), Unsure),
    ],
)
def test_a_status_says_what_to_do_next(statuses: tuple[int, ...], error: type[SendError] | None) -> None:
    for status in statuses:
        found = verdict(answered(status, b"why"))
        assert (type(found) if found else None) is error, status
        assert found is None or (found.code == str(status) and "why" in str(found))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "/no/host", "http://127.0.0.1:port"])
def test_an_address_that_is_none_is_misconfigured(url: str) -> None:
    with httpx.Client(trust_env=False) as http, pytest.raises(Misconfigured):
        ask(http, "POST", url, headers={})


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with httpx.Client(trust_env=False) as http, pytest.raises(Later):
            ask(http, "POST", f"http://127.0.0.1:{port}", headers={}, content=b"{}")


def test_a_header_that_cannot_be_written_is_misconfigured() -> None:
    with pytest.raises(Misconfigured):
        ask(client(lambda _: httpx.Response(200)), "POST", "https://example.com", headers={"X-Key": "schlüssel☕"})


def test_a_lookup_is_never_unsure() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(Later):
        ask(client(fail), "GET", "https://example.com", headers={})
    for status in (400, 409, 422, 500, 502, 503, 504):
        with pytest.raises(Later):
            looked_up(answered(status))
    with pytest.raises(Later):
        looked_up(answered(200, b"<html>"))
    with pytest.raises(Misconfigured):
        looked_up(answered(401))
    assert looked_up(answered(200, b'{"a": 1}')) == {"a": 1}


def test_an_answer_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_answers, "LONGEST_ANSWER", 0.05)
    with pytest.raises(Unsure, match="seconds"):
        ask(client(lambda _: httpx.Response(200, stream=Slow())), "POST", "https://example.com", headers={})


def test_an_answer_that_is_too_large_is_cut_off() -> None:
    large = b" " * (http_answers.LARGEST_ANSWER + 1)
    with pytest.raises(Unsure, match="bytes"):
        ask(client(lambda _: httpx.Response(200, content=large)), "POST", "https://example.com", headers={})


def test_a_refusal_that_breaks_off_is_still_a_refusal() -> None:
    answer = ask(client(lambda _: httpx.Response(422, stream=Cut())), "POST", "https://example.com", headers={})
    assert isinstance(verdict(answer), Refused)
    assert answer.error() == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b"\xff"])
def test_an_error_answer_that_is_no_object_says_nothing(body: bytes) -> None:
    said: Any = answered(400, body).error()
    assert said == {}
