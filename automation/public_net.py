"""Connections to the outside go to public addresses only: what admins type in must not reach this network's inside.

How a name is looked up and judged stands in `public_addresses`. This machine itself is reached by its name alone.
"""

from __future__ import annotations

import httpcore
import httpx

from automation.public_addresses import Judged, addresses_of

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class PublicOnly(Judged):
    """Connects, by another backend, to public addresses, and to this machine where that is what was asked for."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        super().__init__(inner, _inside, here=_HERE)


def _inside(host: str, address: str) -> Exception:
    return httpcore.UnsupportedProtocol(
        f"{host} is {address}, which is not a public address. CARTWHEEL_PRIVATE_NETWORK allows such."
    )


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of this name. Raises UnsupportedProtocol when one of them is not public."""
    return addresses_of(host, port, _inside)


def keep_outside(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """The same transport, reaching public addresses only."""
    # httpx has no argument for it; httpcore, which does the work, has.
    pool = transport._pool  # noqa: SLF001  see above
    pool._network_backend = PublicOnly(pool._network_backend)  # noqa: SLF001  as above
    return transport
