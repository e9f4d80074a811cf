"""The token bucket's arithmetic: pure, so that its promise can be held against any sequence of events.

In any span of t seconds a bucket grants at most rate·t + burst, where rate is the highest of that span. After "too
many requests" the rate is halved and nothing is left in the bucket; then it grows back steadily (additive increase,
multiplicative decrease, after Chiu and Jain, 1989).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

GROWTH = 0.1 / 60
"""Of the ceiling, every second: a rate that was halved is whole again after five minutes."""
LEAST = 0.01
"""Of the ceiling: the rate is not lowered further."""
ONCE_IN = timedelta(seconds=2)
"""Requests that were out together are told "too many" together: that counts once."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens at an instant."""

    ceiling: float
    """Most tokens a second."""
    burst: float
    per_second: float
    tokens: float
    filled_at: datetime
    held_until: datetime | None = None
    lowered_at: datetime | None = None

    @classmethod
    def full(cls, ceiling: float, burst: float, now: datetime) -> Bucket:
        return cls(ceiling, burst, ceiling, burst, now)

    def at(self, now: datetime) -> Bucket:
        """The same at `now`. A clock that is behind changes nothing."""
        span = max(0.0, (now - self.filled_at).total_seconds())
        tokens = min(self.burst, self.tokens + span * min(self.per_second, self.ceiling))
        per_second = min(self.ceiling, self.per_second + span * GROWTH * self.ceiling)
        return replace(self, tokens=tokens, per_second=per_second, filled_at=max(now, self.filled_at))

    def left(self, now: datetime) -> int:
        """How many could be taken now."""
        if self.held_until is not None and now < self.held_until:
            return 0
        # A billionth is what adding fractions costs.
        return max(0, int(self.at(now).tokens + 1e-9))

    def take(self, most: int, now: datetime) -> tuple[Bucket, int]:
        """Take up to `most`; the bucket afterwards and how many they are."""
        granted = min(most, self.left(now))
        filled = self.at(now)
        return replace(filled, tokens=filled.tokens - granted), granted

    def owe(self, count: int, now: datetime) -> Bucket:
        """Take them, whether they are there or not: what follows waits for them."""
        filled = self.at(now)
        return replace(filled, tokens=filled.tokens - count)

    def lowered(self, now: datetime) -> Bucket:
        """It was too many."""
        if self.lowered_at is not None and now - self.lowered_at < ONCE_IN:
            return replace(self.at(now), tokens=min(0.0, self.tokens))
        filled = self.at(now)
        return replace(
            filled,
            per_second=max(filled.per_second / 2, self.ceiling * LEAST),
            tokens=min(0.0, filled.tokens),
            lowered_at=now,
        )

    def held(self, remaining: float, reset: float, now: datetime) -> Bucket:
        """The provider takes `remaining` more in the next `reset` seconds."""
        filled = self.at(now)
        until = now + timedelta(seconds=reset) if remaining < 1 and reset > 0 else self.held_until
        return replace(filled, tokens=min(filled.tokens, remaining), held_until=until)
