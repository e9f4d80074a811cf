"""How often a sender may ask: a bucket that fills steadily and that every request takes one from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta

from automation import clock
from automation.errors import TooOften

_MOST = 10_000
"""Senders remembered; who has not asked for longest is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    left: float
    seen_at: float


class Pace:
    """Held per process: with several web processes each grants this much."""

    def __init__(self, per_second: float, burst: int, stopwatch: Callable[[], float] = clock.stopwatch) -> None:
        self.per_second = per_second
        self.burst = burst
        self._stopwatch = stopwatch
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, sender: Hashable) -> None:
        """Count one request. Raises TooOften saying how long to wait when the sender's bucket is empty."""
        now = self._stopwatch()
        with self._lock:
            bucket = self._buckets.pop(sender, None) or _Bucket(self.burst, now)
            self._buckets[sender] = bucket
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
            bucket.left = min(self.burst, bucket.left + (now - bucket.seen_at) * self.per_second)
            bucket.seen_at = now
            if bucket.left < 1:
                raise TooOften(after=timedelta(seconds=(1 - bucket.left) / self.per_second))
            bucket.left -= 1
