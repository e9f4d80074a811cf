"""Fetches a feed: from the public internet only, with limits for everything, and without asking twice for the same.

The client refuses what leads inside (`automation.outside`); here every hop of a redirect is looked at before it is
gone, an answer may be so long and take so long, and what is compressed may become no longer than what is not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from automation.clock import stopwatch
from automation.errors import Later, Refused
from automation.outside import problem_of

LARGEST = 5_000_000
"""Bytes of a feed, unpacked."""
LONGEST = 20.0
"""Seconds that a feed may take, redirects and all."""
MOST_HOPS = 5
LONGEST_WAIT = timedelta(days=1)
"""A server that asks for more quiet than this is asked again after this."""
_MOVED = {301: True, 302: False, 303: False, 307: False, 308: True}
"""Status → whether it is for good."""
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


class Gone(Refused):
    """The feed is gone for good (410)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a feed's server answered."""

    url: str
    """Where to ask from now on: another address where the feed moved for good."""
    seat: str
    """Where it was found this time."""
    body: bytes | None
    """None when nothing changed."""
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    rest: timedelta = timedelta()
    """How long the server says that its answer stays true."""


def fetch(http: httpx.Client, url: str, now: datetime, etag: str = "", last_modified: str = "") -> Fetched:
    """Ask for a feed; `etag` and `last_modified` are those of the last answer.

    Raises Gone for 410, Refused for an address that may not be asked, and Later for what may pass.
    """
    until = stopwatch() + LONGEST
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": last_modified} if last_modified else {}
    home, here = url, url
    is_for_good = True
    for _ in range(MOST_HOPS + 1):
        problem = problem_of(here, schemes=("http", "https")) or _number(here)
        if problem:
            raise Refused(f"{'It leads to an address that is not asked' if here != url else 'Not asked'}: {problem}.")
        try:
            with http.stream("GET", here, headers=headers, timeout=10, follow_redirects=False) as answer:
                if answer.status_code not in _MOVED:
                    return _answered(answer, home, here, now, until)
                goal = _goal(answer, here)
                is_for_good = is_for_good and _MOVED[answer.status_code]
        except httpx.HTTPError as error:
            raise Later(f"It does not answer: {_said(error)}.") from error
        here = goal
        home = here if is_for_good else home
    raise Later(f"It leads on more than {MOST_HOPS} times.")


def _number(url: str) -> str | None:
    """What speaks against a host that ends in a number: 127.1 and 0x7f.1 are addresses to some who read them."""
    last = httpx.URL(url).host.rstrip(".").rpartition(".")[2]
    is_one = bool(re.fullmatch(r"(0[xX][0-9a-fA-F]*|\d+)", last))
    plain = re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", httpx.URL(url).host)
    return "the address must be one of the public internet" if is_one and not plain else None


def _said(error: httpx.HTTPError) -> str:
    return "it takes too long" if isinstance(error, httpx.TimeoutException) else (str(error) or type(error).__name__)


def _goal(answer: httpx.Response, here: str) -> str:
    try:
        return str(httpx.URL(here).join(answer.headers["location"]).copy_with(fragment=None))
    except (KeyError, httpx.InvalidURL, ValueError) as error:
        raise Later("It leads nowhere: its redirect names no address.") from error


def _answered(answer: httpx.Response, home: str, here: str, now: datetime, until: float) -> Fetched:
    match answer.status_code:
        case 200:
            body: bytes | None = _body(answer, until)
        case 304:
            body = None
        case 410:
            raise Gone
        case 429 | 503:
            raise Later(f"It asks for quiet ({answer.status_code}).", after=_quiet(answer, now))
        case 404:
            raise Later("There is nothing at its address (404).")
        case 401 | 403:
            raise Later(f"It does not let us in ({answer.status_code}).")
        case status:
            raise Later(f"It answers with an error ({status}).", after=_quiet(answer, now))
    return Fetched(
        home,
        here,
        body,
        answer.charset_encoding or "",
        _short(answer.headers.get("etag", ""), 500),
        _short(answer.headers.get("last-modified", ""), 100),
        _rest(answer),
    )


def _short(text: str, longest: int) -> str:
    # Half a mark would never match: better none.
    return text if len(text) <= longest and text.isprintable() else ""


def _rest(answer: httpx.Response) -> timedelta:
    found = re.search(r"max-age=\"?(\d{1,9})", answer.headers.get("cache-control", ""))
    return min(timedelta(seconds=int(found.group(1))), LONGEST_WAIT) if found else timedelta()


def _quiet(answer: httpx.Response, now: datetime) -> timedelta | None:
    said = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", said):
        after = timedelta(seconds=int(said))
    else:
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return None
        after = at.replace(tzinfo=at.tzinfo or UTC) - now
    return min(max(after, timedelta(minutes=1)), LONGEST_WAIT)


def _body(answer: httpx.Response, until: float) -> bytes:
    if int(_digits(answer.headers.get("content-length", ""))) > LARGEST:
        raise Refused(f"It is larger than {LARGEST // 1_000_000} MB.")
    found = bytearray()
    for piece in _unpacked(answer, until):
        found += piece
        if len(found) > LARGEST:
            raise Refused(f"It is larger than {LARGEST // 1_000_000} MB.")
    return bytes(found)


def _digits(text: str) -> str:
    return text if re.fullmatch(r"\d{1,18}", text) else "0"


def _unpacked(answer: httpx.Response, until: float) -> Iterator[bytes]:
    """The body in pieces, each no longer than what may still come: a bomb is not unpacked to be measured."""
    packing = answer.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise Later(f"It is packed in a way that was not asked for ({packing[:40]}).")
    unpack = zlib.decompressobj(wbits=47 if "gzip" in packing else 15) if packing not in {"", "identity"} else None
    is_first = True
    for raw in answer.iter_raw():
        if stopwatch() > until:
            raise Later(f"It takes more than {LONGEST:g} seconds.")
        if unpack is None:
            yield raw
            continue
        try:
            if packing == "deflate" and is_first and raw[:1] and raw[0] & 0x0F != 8:
                unpack = zlib.decompressobj(wbits=-15)  # without the wrapping that the standard asks for
            is_first = False
            waiting = raw
            while waiting:
                piece = unpack.decompress(waiting, LARGEST + 1)
                yield piece
                waiting = unpack.unconsumed_tail
        except zlib.error as error:
            raise Later("It is packed, and cannot be unpacked.") from error
    if unpack is not None and not unpack.eof and not is_first:
        raise Later("Its end is missing.")
