"""Connections to the outside go to public addresses only: what admins type in must not reach this network's inside.

A name is looked up once, every address it has is judged, and the connection is made to a judged one. So a name
that points somewhere else a moment later gains nothing. This machine itself is reached by its name alone.
"""

from __future__ import annotations

import socket
import typing

import httpcore
import httpx

from automation.outside import first_that_answers, is_public

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class PublicOnly(httpcore.NetworkBackend):
    """Connects, by another backend, to public addresses, and to this machine where that is what was asked for."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        def connect(address: str) -> httpcore.NetworkStream:
            return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

        return connect(host) if host in _HERE else first_that_answers(public_addresses(host, port), connect)


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of this name. Raises UnsupportedProtocol when one of them is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"{host}: {error}") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        if not is_public(address):
            raise httpcore.UnsupportedProtocol(
                f"{host} is {address}, which is not a public address. CARTWHEEL_PRIVATE_NETWORK allows such."
            )
    return addresses


def keep_outside(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """The same transport, reaching public addresses only."""
    # httpx has no argument for it; httpcore, which does the work, has.
    pool = transport._pool  # noqa: SLF001  see above
    pool._network_backend = PublicOnly(pool._network_backend)  # noqa: SLF001  as above
    return transport
