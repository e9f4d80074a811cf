"""Fetching a feed: from the public internet only, politely, and with an end."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from automation import outside
from automation.errors import Later, Refused
from automation.feeds import fetching
from automation.feeds.fetching import Gone, fetch
from tests.automation.feeds.serving import packed, served
from tests.conftest import NOW, Net

URL = "https://blog.example.com/feed"
PRIVATE = (
    "0.0.0.0",  # noqa: S104  looked up, not bound
    "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1", "192.0.0.1",
    "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip
"""Addresses of every range that is not the public internet's, and of those that lead to one."""
SPELLINGS = (
    "http://127.0.0.1/", "http://127.1/", "http://0/", "http://0x7f.1/", "http://0x7f000001/", "http://2130706433/",
    "http://017700000001/", "http://0177.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:169.254.169.254]/", "http://[64:ff9b::169.254.169.254]/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://[fd00:ec2::254]/",
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://printer/", "http://printer.local/",
    "http://metadata.google.internal/", "http://nas.home.arpa/", "http://①②⑦.0.0.1/", "http://１２７.0.0.1/",
    "http://127。0。0。1/", "http://user:pw@blog.example.com/", "http://blog.example.com@127.0.0.1/",
    "http://blog.example.com:8080/", "https://blog.example.com:22/", "http://blog.example.com:0/",
    "http://blog.example.com:6379/", "file:///etc/passwd", "ftp://blog.example.com/feed", "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/", "data:text/xml,<rss/>", "javascript:alert(1)", "ldap://127.0.0.1/", "//127.0.0.1/",
    "http:///feed", "http://", "", "unix:///var/run/docker.sock", "jar:http://127.0.0.1!/", "http://[fe80::1%25eth0]/",
)  # fmt: skip


_TLS = httpx.create_ssl_context(trust_env=False)


class Wire:
    """Names and what they lead to; counts connections and asks nobody."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked_up: list[str] = []
        self.connected: list[str] = []
        self.answers: dict[str, list[list[str]]] = {}
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)
        monkeypatch.setattr(socket, "create_connection", self._connect)
        self.http = outside.client(_TLS)

    def _look_up(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else str(host)
        self.looked_up.append(name)
        waiting = self.answers.get(name, [])
        found = waiting.pop(0) if len(waiting) > 1 else (waiting[0] if waiting else [])
        if not found:
            # What glibc makes of other spellings of an address.
            found = ["127.0.0.1"]
        kinds = [socket.AF_INET6 if ":" in a else socket.AF_INET for a in found]
        return [(k, socket.SOCK_STREAM, 6, "", (a, port)) for k, a in zip(kinds, found, strict=True)]

    def _connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        self.connected.append(address[0])
        raise ConnectionRefusedError


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_inner_address_or_of_another_protocol_is_connected_to(wire: Wire, url: str) -> None:
    with pytest.raises(Refused):
        fetch(wire.http, url, NOW)
    assert wire.connected == []


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_with_one_inner_address_among_its_answers_is_not_connected_to(wire: Wire, address: str) -> None:
    wire.answers["blog.example.com"] = [["93.184.215.14", address]]
    with pytest.raises(Refused):
        fetch(wire.http, URL, NOW)
    assert wire.connected == []


def test_a_name_that_changes_between_two_look_ups_is_looked_up_once(wire: Wire) -> None:
    wire.answers["blog.example.com"] = [["93.184.215.14"], ["127.0.0.1"]]
    with pytest.raises(Later):
        fetch(wire.http, URL, NOW)
    assert (wire.looked_up, wire.connected) == (["blog.example.com"], ["93.184.215.14"])


@pytest.mark.parametrize(
    "goal", [*SPELLINGS[:7], *SPELLINGS[8:12], "file:///etc/passwd", "http://blog.example.com:8080/", "//10.0.0.1/"]
)
def test_a_redirect_is_looked_at_before_it_is_followed(net: Net, goal: str) -> None:
    net.answer = lambda _: served(status=302, location=goal)
    with pytest.raises(Refused, match="It leads to an address"):
        fetch(net.client(), URL, NOW)
    assert len(net.requests) == 1


def hops(*steps: tuple[int, str]) -> Callable[[httpx.Request], httpx.Response]:
    waiting = list(steps)

    def answer(_: httpx.Request) -> httpx.Response:
        if waiting:
            status, goal = waiting.pop(0)
            return served(status=status, location=goal)
        return served("<rss/>")

    return answer


@pytest.mark.parametrize(
    ("steps", "home"),
    [
        ([(301, "/new")], "https://blog.example.com/new"),
        ([(308, "https://www.example.com/f"), (301, "/g")], "https://www.example.com/g"),
        ([(302, "/now")], URL),
        ([(301, "/new"), (307, "/now")], "https://blog.example.com/new"),
        ([(302, "/now"), (301, "/new")], URL),
    ],
)
def test_only_what_moved_for_good_is_asked_there_from_now_on(net: Net, steps: list[tuple[int, str]], home: str) -> None:
    net.answer = hops(*steps)
    assert fetch(net.client(), URL, NOW).url == home


def test_redirects_end(net: Net) -> None:
    net.answer = lambda _: served(status=301, location="/again")
    with pytest.raises(Later, match="more than 5 times"):
        fetch(net.client(), URL, NOW)
    assert len(net.requests) == 6
    net.answer = lambda _: served(status=301)
    with pytest.raises(Later, match="names no address"):
        fetch(net.client(), URL, NOW)


def test_what_did_not_change_is_not_sent_again(net: Net) -> None:
    net.answer = lambda _: served(status=304, etag='"b"')
    found = fetch(net.client(), URL, NOW, '"a"', "Mon, 09 Mar 2026 08:00:00 GMT")
    assert (found.body, found.url) == (None, URL)
    assert net.requests[0].headers["If-None-Match"] == '"a"'
    assert net.requests[0].headers["If-Modified-Since"] == "Mon, 09 Mar 2026 08:00:00 GMT"
    assert "cookie" not in net.requests[0].headers


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(minutes=1)),
        ("99999999", timedelta(days=1)),
        ("Tue, 10 Mar 2026 13:00:00 GMT", timedelta(hours=1)),
        ("soon", None),
        ("", None),
    ],
)
def test_a_server_that_asks_for_quiet_gets_it(net: Net, header: str, after: timedelta | None) -> None:
    net.answer = lambda _: served(status=429, retry_after=header)
    with pytest.raises(Later) as caught:
        fetch(net.client(), URL, NOW)
    assert caught.value.after == after


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502, 503, 504])
def test_errors_may_pass(net: Net, status: int) -> None:
    net.answer = lambda _: served(status=status)
    with pytest.raises(Later, match=str(status)):
        fetch(net.client(), URL, NOW)


def test_gone_is_gone(net: Net) -> None:
    net.answer = lambda _: served(status=410)
    with pytest.raises(Gone):
        fetch(net.client(), URL, NOW)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: served(b"x" * 5_000_001),
        lambda: served(b"x", content_length="999999999"),
        lambda: packed(b"\0" * 30_000_000),
        lambda: served(zlib.compress(b"\0" * 20_000_000), content_encoding="deflate"),
    ],
    ids=["long", "announced", "bomb", "deflated bomb"],
)
def test_what_is_too_large_is_given_up_before_it_is_unpacked(net: Net, answer: Callable[[], httpx.Response]) -> None:
    made = answer()
    net.answer = lambda _: made
    with pytest.raises(Refused, match="larger than 5 MB"):
        fetch(net.client(), URL, NOW)


def test_an_answer_that_trickles_is_given_up(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1000, 9))
    monkeypatch.setattr(fetching, "stopwatch", lambda: float(next(seconds)))
    net.answer = lambda _: served(b"x" * 65_536 * 5)
    with pytest.raises(Later, match="more than 20 seconds"):
        fetch(net.client(), URL, NOW)


def test_packed_answers_are_unpacked_and_broken_ones_are_told(net: Net) -> None:
    raw = zlib.compressobj(wbits=-15)
    bare = raw.compress(b"<rss/>") + raw.flush()
    for answer in (
        packed(b"<rss/>"),
        served(zlib.compress(b"<rss/>"), content_encoding="deflate"),
        served(bare, content_encoding="deflate"),
        served(b"<rss/>", content_encoding="identity"),
    ):
        net.answer = lambda _, answer=answer: answer  # type: ignore[misc]  # bound now
        assert fetch(net.client(), URL, NOW).body == b"<rss/>"
    for broken in (
        served(b"not gzip", content_encoding="gzip"),
        served(gzip.compress(b"<rss/>" * 99)[:-20], content_encoding="gzip"),
        served(b"x", content_encoding="br"),
    ):
        net.answer = lambda _, broken=broken: broken  # type: ignore[misc]  # bound now
        with pytest.raises(Later):
            fetch(net.client(), URL, NOW)
