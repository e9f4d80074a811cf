"""The days that a figure is about, in the store's zone, and those that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from automation.errors import NotAllowed
from automation.times import instant, local_date

Against = Literal["previous", "year"]
"""What a period is compared with: the one of the same length before it, or the same days of the year before."""

NAMED: dict[str, int] = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
"""Names of the usual periods → how many days, the present one included."""
USUAL = "30d"
LONGEST = 10 * 366
"""Days."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in a zone."""

    first: date
    last: date
    """Included."""
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        """The instant at which it begins (UTC)."""
        return instant(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        """The instant at which it is over (UTC), itself not in it."""
        return instant(self.last + timedelta(days=1), time(), self.zone)

    def dates(self) -> list[date]:
        """Each of its days, in order."""
        return [self.first + timedelta(days=n) for n in range(self.days)]

    def before(self, against: Against = "previous") -> Period:
        """The period that this one is compared with; of the same length, so that sums can be compared."""
        last = self.first - timedelta(days=1) if against == "previous" else _year_before(self.last)
        return Period(last - timedelta(days=self.days - 1), last, self.zone)


def _year_before(day: date) -> date:
    # The day before a leap day's missing anniversary.
    leap = day.month == 2 and day.day == 29
    return date(day.year - 1, 2, 28) if leap else day.replace(year=day.year - 1)


def latest(days: int, now: datetime, zone: ZoneInfo) -> Period:
    """The last so many days, today included."""
    today = local_date(now, zone)
    return Period(today - timedelta(days=days - 1), today, zone)


def period_of(name: str, first: str, last: str, now: datetime, zone: ZoneInfo) -> Period:
    """The period that a page's or a program's parameters name: "7d", "30d" … or two dates (YYYY-MM-DD).

    Raises NotAllowed for an unknown name, for dates that do not exist, are in the wrong order or too far apart.
    """
    if first or last:
        try:
            period = Period(date.fromisoformat(first), date.fromisoformat(last), zone)
        except ValueError:
            raise NotAllowed(
                f"A period needs two dates such as 2026-01-31; not {first[:20]!r} and {last[:20]!r}."
            ) from None
        if period.days < 1:
            raise NotAllowed("The period ends before it begins.")
        if period.days > LONGEST:
            raise NotAllowed("A period is at most ten years long.")
        return period
    if (name or USUAL) not in NAMED:
        raise NotAllowed(f"The period {name[:20]!r} is none of {', '.join(NAMED)}.")
    return latest(NAMED[name or USUAL], now, zone)
