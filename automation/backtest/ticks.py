"""When the worker would have looked: as good as always, or at every so many minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

NEVER_APART = timedelta(minutes=1)
"""How exactly it is found out when something became true, for a worker that looks all the time."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Looks at `origin`, and every `every` from there; nothing between two looks is seen before the second."""

    origin: datetime
    every: timedelta = timedelta()

    def at_or_after(self, at: datetime) -> datetime:
        """The first look that is not before an instant."""
        if not self.every:
            return at
        return self.origin - (self.origin - at) // self.every * self.every

    def before(self, at: datetime) -> datetime:
        """The last look before an instant."""
        if not self.every:
            return at - TICK
        return self.origin + ((at - self.origin - TICK) // self.every) * self.every

    def middle(self, first: datetime, last: datetime) -> datetime | None:
        """A look about half-way between two; None where there is none worth it."""
        if last - first <= (self.every or NEVER_APART):
            return None
        found = self.at_or_after(first + (last - first) / 2)
        return found if first < found < last else self.before(last)
