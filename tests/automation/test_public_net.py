from __future__ import annotations

import socket
import ssl
from typing import Any

import httpx
import pytest

from automation import outside
from automation.errors import Later, Misconfigured, Refused
from automation.http_answers import ask
from automation.public_net import keep_outside


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[tuple[Any, ...]]:
    """Let every name have these addresses, and nobody answer at any; the connections that were tried."""
    tried: list[tuple[Any, ...]] = []

    def connect(address: tuple[Any, ...], *_args: Any, **_more: Any) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def get(url: str) -> None:
    with httpx.Client(transport=keep_outside(httpx.HTTPTransport())) as http:
        ask(http, "GET", url, headers={})


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1%eth0", "fc00::1", "224.0.0.1"],
)
def test_a_name_that_points_inside_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    tried = resolving(monkeypatch, "93.184.215.14", address)
    with pytest.raises(Misconfigured, match="not a public address"):
        get("https://shop.example.com/x")
    assert tried == []


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolving(monkeypatch, "93.184.215.14")
    with pytest.raises(Later):
        get("https://shop.example.com/x")
    assert tried == [("93.184.215.14", 443)]


def test_this_machine_is_reached_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolving(monkeypatch, "127.0.0.1")
    with pytest.raises(Later):
        get("http://localhost:9/x")
    assert tried == [("localhost", 9)]


def test_the_client_for_typed_addresses_judges_the_same_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolving(monkeypatch, "93.184.215.14", "10.0.0.1")
    with outside.client(ssl.create_default_context()) as http:
        with pytest.raises(Refused, match="public internet"):
            http.get("https://shop.example.com/x")
        with pytest.raises(Refused):
            http.get("http://localhost/x")
        with pytest.raises(httpx.ConnectError, match="port 8080"):
            http.get("http://shop.example.com:8080/x")
    assert tried == []
    tried = resolving(monkeypatch, "93.184.215.14")
    with outside.client(ssl.create_default_context()) as http, pytest.raises(httpx.ConnectError):
        http.get("https://shop.example.com/x")
    assert tried == [("93.184.215.14", 443)]
