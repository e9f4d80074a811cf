"""Connections to the outside go to public addresses only: what admins type in must not reach this network's inside.

A name is looked up once, every address it has is judged, and the connection is made to a judged one. So a name
that points somewhere else a moment later gains nothing. This machine itself is reached by its name alone.
"""

from __future__ import annotations

import socket
import typing
from ipaddress import ip_address

import httpcore
import httpx

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class PublicOnly(httpcore.SyncBackend):
    """Connects to public addresses, and to this machine where that is what was asked for."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        if host not in _HERE:
            host = public_address(host, port)
        return super().connect_tcp(host, port, timeout, local_address, socket_options)


def public_address(host: str, port: int) -> str:
    """An address of this name. Raises UnsupportedProtocol when one of its addresses is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"{host}: {error}") from error
    addresses = [str(info[4][0]) for info in found]
    for address in addresses:
        judged = ip_address(address.partition("%")[0])
        if not judged.is_global or judged.is_multicast:
            raise httpcore.UnsupportedProtocol(
                f"{host} is {address}, which is not a public address. CARTWHEEL_PRIVATE_NETWORK allows such."
            )
    return addresses[0]


def keep_outside(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """The same transport, reaching public addresses only."""
    # httpx has no argument for it; httpcore, which does the work, has.
    transport._pool._network_backend = PublicOnly()  # noqa: SLF001  see above
    return transport
