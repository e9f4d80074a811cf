"""A client for addresses that people typed in: it reaches the public internet and nothing else.

How a name is looked up and judged stands in `public_addresses`. No redirects, no proxies, no cookies kept, ports 80
and 443 only.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from automation.errors import Refused
from automation.public_addresses import Judged, first_that_answers, is_public

__all__ = ["PORTS", "client", "first_that_answers", "is_public", "problem_of"]

PORTS = frozenset({80, 443})


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


def _inside(_host: str, _address: str) -> Exception:
    # Whoever typed the address is not told what this network looks like from within.
    return Refused("the address does not lead to the public internet")


class _Transport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=20,
            max_keepalive_connections=0,
            http1=True,
            network_backend=Judged(httpcore.SyncBackend(), _inside, ports=PORTS),
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
