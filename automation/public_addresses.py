"""Which addresses are the public internet's, and the one way a name is looked up before we connect to it.

A name is looked up once, every address it has is judged, and the connection is made to a judged one; the name stays
in the request and in the certificate's check. So neither another spelling of 127.0.0.1 nor an answer that changes
between two look-ups leads inside.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpcore

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


def addresses_of(host: str, port: int, inside: Callable[[str, str], Exception]) -> list[str]:
    """The addresses of a name, each of them public.

    Raises what `inside` makes of (name, address) for one that is not, ConnectError for a name that has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host}: {error}") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not addresses:
        raise httpcore.ConnectError(f"{host}: it has no address")
    for address in addresses:
        if not is_public(address):
            raise inside(host, address)
    return addresses


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


class Judged(httpcore.NetworkBackend):
    """Connects, by another backend, to public addresses, at some ports only where `ports` names any.

    Names in `here` are taken as they are: this machine, where that is what was asked for.
    """

    def __init__(
        self,
        inner: httpcore.NetworkBackend,
        inside: Callable[[str, str], Exception],
        *,
        here: Collection[str] = (),
        ports: Collection[int] = (),
    ) -> None:
        self._inner = inner
        self._inside = inside
        self._here = here
        self._ports = ports

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        def connect(address: str) -> httpcore.NetworkStream:
            return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

        if self._ports and port not in self._ports:
            raise httpcore.ConnectError(f"port {port} is not allowed")
        if host in self._here:
            return connect(host)
        return first_that_answers(addresses_of(host, port, self._inside), connect)

    def connect_unix_socket(self, *_given: Any, **_named: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("only the public internet is reached")
