"""What an HTTP answer, or its absence, means for a mail: the one table that every provider shares.

    not sent, retry freely   no connection (name, refusal, TLS, time-out while connecting or waiting for a socket),
                             429, 503, 408, 425
    never accepted           400, 409*, 413, 422 and other 4xx            → Refused
    settings                 401, 402, 403, 404, 405, 410, a redirect     → Misconfigured
    nobody knows             anything after the request may have left: write and read errors, a broken protocol,
                             500, 502, 504 and other 5xx, 409, a 2xx whose body cannot be read → Unsure

A look-up changes nothing, so whatever happens to it is Later. Answers are read up to a size and for a time only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from automation.clock import stopwatch
from automation.errors import Later, Misconfigured, Refused, SendError, Unsure

LONGEST_WAIT = timedelta(hours=1)
"""A provider that asks for more is asked again after this."""
_PORTION = 1 << 18
"""Bytes of a request that are handed over at a time."""
LARGEST_ANSWER = 5_000_000
"""Bytes after decompression."""
LONGEST_ANSWER = 120.0
"""Seconds from the first byte of an answer to its last."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NOT_POSSIBLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises Unsure when it is none: of a success it is not known what was done."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Unsure(f"The answer {self.status} is not JSON: {_shown(self.body)}") from error

    def error(self) -> dict[str, Any]:
        """What an error answer's JSON object says; empty when it is none."""
        try:
            said = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return said if isinstance(said, dict) else {}


def ask(
    http: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    params: Mapping[str, str] | None = None,
) -> Answer:
    """Make one request and read its answer, whatever its status.

    Raises Later when it did not leave or was a GET, Misconfigured when it cannot be made, Unsure when it may have
    arrived.
    """
    try:
        sent = dict(headers) if content is None else {**headers, "Content-Length": str(len(content))}
        with http.stream(method, url, headers=sent, content=_portions(content), params=params) as response:
            return Answer(response.status_code, response.headers, _read(response))
    except _NOT_POSSIBLE as error:
        raise Misconfigured(f"The request cannot be made: {type(error).__name__}: {error}") from error
    except _NOT_SENT as error:
        raise Later(f"No connection: {_named(error)}") from error
    except httpx.RequestError as error:
        if method == "GET":
            raise Later(f"The look-up got no answer: {_named(error)}") from error
        raise Unsure(f"The request left, and then: {_named(error)}") from error


def _portions(content: bytes | None) -> bytes | Iterator[bytes] | None:
    # The transport copies what the socket did not take at once, again and again: of 15 MB that is most of its time.
    if content is None or len(content) <= _PORTION:
        return content
    return (content[at : at + _PORTION] for at in range(0, len(content), _PORTION))


def _read(response: httpx.Response) -> bytes:
    """The body. Raises ReadError or ReadTimeout when it is too large or too slow, unless the status says enough."""
    parts: list[bytes] = []
    size, began = 0, stopwatch()
    try:
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                raise httpx.ReadError(f"an answer of more than {LARGEST_ANSWER} bytes")
            if stopwatch() - began > LONGEST_ANSWER:
                raise httpx.ReadTimeout(f"an answer that took more than {LONGEST_ANSWER:.0f} seconds")
    except httpx.RequestError:
        if response.is_success:
            raise
    return b"".join(parts)


def verdict(answer: Answer, said: str = "", code: str = "") -> SendError | None:
    """What an answer's status means for the whole request; None for a success.

    `said` and `code` are the provider's own words, for the log.
    """
    status = answer.status
    if answer.is_success:
        return None
    message = f"{status}: {said or _shown(answer.body)}"[:500]
    code = code or str(status)
    if status in {408, 425, 429, 503}:
        return Later(message, after=wait(answer), code=code)
    if status in {401, 402, 403, 404, 405, 410} or status < 400:
        return Misconfigured(message, code=code)
    if status == 409 or status >= 500:
        return Unsure(message, code=code)
    return Refused(message, code=code)


def looked_up(answer: Answer) -> Any:
    """What a look-up found, as JSON. Raises Misconfigured or Later."""
    failed = verdict(answer)
    if isinstance(failed, Misconfigured | Later):
        raise failed
    if failed is not None:
        raise Later(str(failed), code=failed.code)
    try:
        return answer.json()
    except Unsure as error:
        raise Later(str(error)) from error


def wait(answer: Answer) -> timedelta | None:
    """How long the answer asks to wait, at most LONGEST_WAIT; None when it does not say, or nothing sensible.

    Retry-After holds seconds or a date, which is read against the answer's own Date: clocks may differ.
    """
    text = answer.headers.get("retry-after", "").strip()
    try:
        span = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        until, since = _date(text), _date(answer.headers.get("date", ""))
        if until is None or since is None:
            return None
        span = until - since
    return min(span, LONGEST_WAIT) if span >= timedelta() else None


def answered_at(answer: Answer) -> datetime | None:
    """The provider's own clock when it answered; None when it does not say."""
    return _date(answer.headers.get("date", ""))


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _shown(body: bytes) -> str:
    return body[:200].decode(errors="replace").strip() or "(nothing)"
