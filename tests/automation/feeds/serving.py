"""A feed's server: answers as they come over the wire, packed or not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx


class _Wire(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), 65_536):
            yield self._body[start : start + 65_536]


def served(body: bytes | str = b"", status: int = 200, **headers: str) -> httpx.Response:
    """An answer that is read as it comes; underscores in headers' names stand for dashes."""
    raw = body.encode() if isinstance(body, str) else body
    return httpx.Response(status, headers={n.replace("_", "-"): v for n, v in headers.items()}, stream=_Wire(raw))


def packed(body: bytes) -> httpx.Response:
    """The same, in gzip."""
    return served(gzip.compress(body), content_encoding="gzip")


def rss(*items: str, **channel: str) -> str:
    """A feed of such items."""
    head = "".join(
        f"<{n}>{v}</{n}>" for n, v in ({"title": "Journal", "link": "https://wren.example.com/"} | channel).items()
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'


def item(name: str, date: str = "Mon, 09 Mar 2026 08:15:00 GMT", **more: str) -> str:
    """An item of a feed; `more` replaces or adds elements, an empty one is left out."""
    parts = {
        "title": f"Post {name}",
        "guid": f"g-{name}",
        "link": f"https://wren.example.com/journal/{name}",
        "pubDate": date,
        "description": f"About {name}",
    } | more
    return "<item>" + "".join(f"<{n}>{v}</{n}>" for n, v in parts.items() if v) + "</item>"
