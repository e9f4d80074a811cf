"""An HTTP transport whose answers end: all of an answer, head and body, within a time.

httpx times each read by itself, so a server that sends a letter every few seconds could hold a sender for days.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from automation.clock import stopwatch


class TimedTransport(httpx.HTTPTransport):
    """httpx's transport; reads fail with a read time-out once an answer has taken `longest` seconds."""

    def __init__(self, verify: ssl.SSLContext, limits: httpx.Limits, longest: float) -> None:
        super().__init__(verify=verify, trust_env=False, limits=limits)
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(longest),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, longest: float) -> None:
        self._inner = httpcore.SyncBackend()
        self._longest = longest

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._longest)


class _Stream(httpcore.NetworkStream):
    """Time runs from the first read after a write."""

    def __init__(self, inner: httpcore.NetworkStream, longest: float) -> None:
        self._inner, self._longest = inner, longest
        self._until: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        now = stopwatch()
        if self._until is None:
            self._until = now + self._longest
        left = self._until - now
        if left <= 0:
            raise httpcore.ReadTimeout(f"an answer that took more than {self._longest:g} seconds")
        return self._inner.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._until = None
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._longest)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
