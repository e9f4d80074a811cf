"""What a provider's answers say of its rate limit, read from the headers that are in use.

`RateLimit-Limit`, `-Remaining` and `-Reset` (IETF drafts to 07), the same with `X-` or a name in between
(`X-RateLimit-…`, `x-sib-ratelimit-…`), `RateLimit: limit=…, remaining=…, reset=…` (draft 07 and 08), and
`RateLimit: "name";r=…;t=…` with `RateLimit-Policy: "name";q=…;w=…` (draft 09 on).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_EPOCH = 1_000_000_000
"""A reset above it is an instant, not a span."""
_LONGEST = 86_400.0
_FIELD = re.compile(r"^(?:x-)?(?:[a-z]+-)?ratelimit-(limit|remaining|reset)$")
_PAIR = re.compile(r"\b(limit|remaining|reset|r|t|q|w)=(\d+(?:\.\d+)?)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONG_NAMES = {"r": "remaining", "t": "reset", "q": "limit", "w": "window"}


@dataclass(frozen=True, slots=True)
class Heard:
    """What one answer, or several together, said."""

    limit: float | None = None
    """Requests in a window."""
    remaining: float | None = None
    reset: float | None = None
    """Seconds until the window ends."""
    window: float | None = None
    """Its length in seconds, where it is told."""
    is_throttled: bool = False
    """It was too many: 429."""

    @property
    def per_second(self) -> float | None:
        """What the provider takes in the long run; None where it does not say.

        Where the window's length is not told, it is what is left of a window that has just begun.
        """
        span = self.window
        if span is None and self.limit is not None and self.remaining is not None and self.remaining >= self.limit - 1:
            span = self.reset
        return self.limit / span if self.limit and span else None


def read(headers: Mapping[str, str], status: int, now: datetime) -> Heard | None:
    """What the headers (names in lower case) say; None when they say nothing. What makes no sense is left out."""
    said: dict[str, float] = {}
    for name, value in headers.items():
        if found := _FIELD.match(name):
            number = _NUMBER.match(value.strip())
            if number:
                said[found[1]] = float(number[0])
        elif name in {"ratelimit", "ratelimit-policy"}:
            # Of several policies the first: the one that is nearest to being used up stands there.
            for key, number_text in _PAIR.findall(value.split(",")[0] if ";" in value else value):
                said.setdefault(_LONG_NAMES.get(key, key), float(number_text))
    if "reset" in said and said["reset"] > _EPOCH:
        said["reset"] = max(0.0, said["reset"] - now.timestamp())
    if said.get("reset", 0.0) > _LONGEST:
        del said["reset"]
    if not said and status != 429:
        return None
    return Heard(
        limit=said.get("limit"),
        remaining=said.get("remaining"),
        reset=said.get("reset"),
        window=said.get("window"),
        is_throttled=status == 429,
    )


class Ear:
    """Hears the answers of one client, which several threads may use; keeps the tightest word until it is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: Heard | None = None

    def hear(self, heard: Heard | None) -> None:
        """Add what another answer said."""
        if heard is None:
            return
        with self._lock:
            before = self._heard
            if before is not None and before.is_throttled and not heard.is_throttled:
                return
            if before is None or heard.is_throttled or (heard.remaining or 0) <= (before.remaining or 0):
                self._heard = heard

    def take(self) -> Heard | None:
        """What was heard since the last time."""
        with self._lock:
            found, self._heard = self._heard, None
            return found
