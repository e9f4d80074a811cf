"""An HTTP transport whose answers end: within a time, and where they say.

httpx times each read by itself, so a server that sends a letter every few seconds could hold a sender for days. And
what comes behind an answer would be taken for the answer to the next request on the same connection: a mail that
nobody took would count as accepted. A connection on which more came than was announced is not used again.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from automation.clock import stopwatch

_LAST_CHUNK = b"\r\n0\r\n\r\n"


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

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Ending(response.stream, response)
        return response


class _Ending(httpx.SyncByteStream):
    """A body; at its end the connection is closed if more came than belongs to it."""

    def __init__(self, inner: httpx.SyncByteStream, response: httpx.Response) -> None:
        self._inner, self._response = inner, response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        stream = self._response.extensions.get("network_stream")
        if isinstance(stream, _Stream) and not stream.is_at_end(self._response.headers):
            stream.close()
        self._inner.close()


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
    """Time runs from the first read after a write, and so does the count of what came."""

    def __init__(self, inner: httpcore.NetworkStream, longest: float) -> None:
        self._inner, self._longest = inner, longest
        self._begin()

    def _begin(self) -> None:
        self._until: float | None = None
        self._head, self._body_size = b"", -1
        self._tail, self._last_chunks = b"", 0

    def is_at_end(self, headers: httpx.Headers) -> bool:
        """Whether no more has come than the answer with these headers; True where its end is the connection's."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._last_chunks == 1 and self._tail.endswith(_LAST_CHUNK[1:])
        length = headers.get("content-length", "")
        return not length.isdigit() or self._body_size <= int(length)

    def _note(self, data: bytes) -> None:
        seen = self._tail + data
        # A body may hold the same letters: then the connection is closed for nothing, which costs a handshake.
        self._last_chunks += seen.count(_LAST_CHUNK)
        self._tail = seen[1 - len(_LAST_CHUNK) :]
        if self._body_size >= 0:
            self._body_size += len(data)
            return
        self._head += data
        while (end := self._head.find(b"\r\n\r\n")) >= 0:
            is_interim = self._head.startswith(b"HTTP/1.1 1")
            self._head = self._head[end + 4 :]
            if not is_interim:
                self._body_size, self._head = len(self._head), b""
                return

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        now = stopwatch()
        if self._until is None:
            self._until = now + self._longest
        left = self._until - now
        if left <= 0:
            raise httpcore.ReadTimeout(f"an answer that took more than {self._longest:g} seconds")
        data = self._inner.read(max_bytes, left if timeout is None else min(timeout, left))
        self._note(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._begin()
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._longest)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
