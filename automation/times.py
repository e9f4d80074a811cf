"""Local intent into instants: dates, hours and schedules of any zone, on the far side of every change of clocks.

One set of rules, for everything that is meant in local time:
- an hour that a change of clocks skips begins at the first instant after it;
- an hour that comes twice is meant the first time;
- so a local date has each hour exactly once, and the instants keep the order of the dates.

Pure: nothing here reads a clock or a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

LeapDay = Literal["feb_28", "mar_1", "skip"]
"""When the 29th of February is celebrated in a year that has none."""

DAY = timedelta(days=1)
MIDNIGHT = time(0)
_NOT_DATES = frozenset({(1970, 1, 1), (1900, 1, 1)})


@dataclass(frozen=True, slots=True)
class Slot:
    """A local date in one zone, and the instant in UTC at which its hour strikes."""

    zone: str
    on: date
    at: datetime


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of a name; UTC for one that is not known."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=65536)
def instant(on: date, at: time, where: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a local date has a local hour.

    Every date has one: where the hour is skipped it is the first instant after the gap (which may be on the next
    date), where it comes twice it is the first. An hour beyond what a datetime can hold raises OverflowError.
    """
    wall = datetime.combine(on, at.replace(tzinfo=None, fold=0), tzinfo=where)
    found = wall.astimezone(UTC)
    if found.astimezone(where).replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None):
        return found
    return _end_of_gap(wall)


def _end_of_gap(wall: datetime) -> datetime:
    # Inside a gap the two folds read the offsets before and after it; the change lies between the two readings.
    before, after = wall.replace(tzinfo=UTC) - _offset(wall, 1), wall.replace(tzinfo=UTC) - _offset(wall, 0)
    low = before.replace(microsecond=0)
    old = low.astimezone(wall.tzinfo).utcoffset()
    steps = int((after - low).total_seconds()) + 1
    first, last = 0, steps
    while first < last:  # the first second with another offset
        middle = (first + last) // 2
        if (low + timedelta(seconds=middle)).astimezone(wall.tzinfo).utcoffset() == old:
            first = middle + 1
        else:
            last = middle
    return low + timedelta(seconds=first)


def _offset(wall: datetime, fold: int) -> timedelta:
    found = wall.replace(fold=fold).utcoffset()
    assert found is not None
    return found


def local_date(at: datetime, where: ZoneInfo) -> date:
    """The date of an instant in a zone."""
    return at.astimezone(where).date()


@lru_cache(maxsize=65536)
def day_span(on: date, where: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant of a local date, and the first of the next: half-open, 23 to 25 hours as a rule."""
    return instant(on, MIDNIGHT, where), instant(on + DAY, MIDNIGHT, where)


def strikes(at: time, where: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[date, datetime]]:
    """Each local date, in order, whose hour `at` falls in (since, until], with the instant."""
    # A gap may push the hour of the date before past midnight.
    on, last = local_date(since, where) - DAY, local_date(until, where)
    while on <= last:
        found = instant(on, at, where)
        if since < found <= until:
            yield on, found
        on += DAY


def slots(at: time, zones: Iterable[str], since: datetime, until: datetime) -> list[Slot]:
    """For each zone the local dates whose hour `at` falls in (since, until]."""
    return [Slot(name, on, found) for name in zones for on, found in strikes(at, zone(name), since, until)]


def is_leap(year: int) -> bool:
    """Whether a year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def celebrated_on(month: int, day: int, year: int, leap_day: LeapDay) -> date | None:
    """The date on which a yearly date falls in `year`; None where it does not (or there is no such day)."""
    if (month, day) == (2, 29) and not is_leap(year):
        return {"feb_28": date(year, 2, 28), "mar_1": date(year, 3, 1), "skip": None}[leap_day]
    try:
        return date(year, month, day)
    except ValueError:
        return None


def celebrating(on: date, leap_day: LeapDay) -> list[tuple[int, int]]:
    """The month and day of every yearly date that falls on `on`: one, or two where a leap day is moved to it."""
    found = [(on.month, on.day)]
    if celebrated_on(2, 29, on.year, leap_day) == on and (2, 29) not in found:
        found.append((2, 29))
    return found


def origins(on: date, leap_day: LeapDay, years: int) -> list[date]:
    """The dates of the last `years` years whose anniversary is on `on`, latest first."""
    found = []
    for back in range(1, years + 1):
        for month, day in celebrating(on, leap_day):
            try:
                found.append(date(on.year - back, month, day))
            except ValueError:  # no such year, or no 29th in it
                continue
    return found


def is_placeholder(year: int | None, month: int, day: int) -> bool:
    """Whether a date is what software writes for "unknown" (1970-01-01, 1900-01-01)."""
    return (year, month, day) in _NOT_DATES
