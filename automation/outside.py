"""A client for addresses that people typed in: it reaches the public internet and nothing else.

A name is looked up once, every answer is checked, and the connection goes to the address that was checked; the
name stays in the request and in the certificate's check. So neither another spelling of 127.0.0.1 nor an answer that
changes between two look-ups leads inside. No redirects, no proxies, no cookies kept, ports 80 and 443 only.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from automation.errors import Refused

PORTS = frozenset({80, 443})
_TOLD_APART = (
    ipaddress.ip_network("::ffff:0:0/96"),
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("::/96"),
)
"""IPv6 that ends in the IPv4 address it means."""
_PUBLIC_6 = ipaddress.ip_network("2000::/3")
_SPECIAL_6 = tuple(
    ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: no private, loopback, link-local or translated one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if any(found in network for network in _TOLD_APART):
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        return found in _PUBLIC_6 and not any(found in network for network in _SPECIAL_6)
    return found.is_global and not found.is_multicast and not found.is_reserved


def problem_of(url: str, *, schemes: Iterable[str] = ("https",)) -> str | None:
    """What speaks against an address a person typed, in words; None if nothing does before its name is looked up."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return "this is not an address"
    allowed = tuple(schemes)
    if read.scheme not in allowed:
        return f"the address must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}"
    if not read.host or read.userinfo:
        return "the address must name a host, and no user"
    if read.port is not None and read.port not in PORTS:
        return "the address may not name a port other than 80 and 443"
    host = read.host.strip("[]").lower().rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        is_inside = "." not in host or host.endswith((".localhost", ".local", ".internal", ".home.arpa"))
        return "the address must be one of the public internet" if is_inside else None
    return None if is_public(host) else "the address must be one of the public internet"


def first_that_answers(
    addresses: Sequence[str], connect: Callable[[str], httpcore.NetworkStream]
) -> httpcore.NetworkStream:
    """Connect to one address after the other: many machines have IPv6 in their answers and none on their wire.

    Raises what the last one raised.
    """
    *others, last = addresses
    for address in others:
        with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
            return connect(address)
    return connect(last)


class _Checked(httpcore.NetworkBackend):
    """Connects to a name only where all of its addresses are public."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        if port not in PORTS:
            raise httpcore.ConnectError(f"port {port} is not allowed")
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError("the name cannot be found") from error
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if not addresses or not all(map(is_public, addresses)):
            raise Refused("the address does not lead to the public internet")
        return first_that_answers(
            addresses, lambda a: self._inner.connect_tcp(a, port, timeout, local_address, socket_options)
        )

    def connect_unix_socket(self, *_given: Any, **_named: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("only the public internet is reached")


class _Transport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=20,
            max_keepalive_connections=0,
            http1=True,
            network_backend=_Checked(),
        )


def client(context: ssl.SSLContext, *, timeout: float = 10) -> httpx.Client:
    """A client that raises `Refused` for what leads inside. Times out after `timeout` seconds without an answer."""
    return httpx.Client(
        transport=_Transport(context),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Cartwheel"},
    )
