"""Dates as feeds write them: RFC 822 and RFC 3339, and what people and programs write instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_ZONES = {
    "cet": 1, "cest": 2, "met": 1, "mest": 2, "wet": 0, "west": 1, "bst": 1, "ist": 5.5, "eet": 2, "eest": 3, "msk": 3,
    "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "sgt": 8, "hkt": 8,
}  # fmt: skip
"""Hours east of Greenwich, for the names that RFC 822 does not know."""
_NUMBERS = re.compile(
    r"(\d{4})[-/.]?(\d{2})(?:[-/.]?(\d{2}))?(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?)?\s*(.*)", re.DOTALL
)
_WORDS = re.compile(
    r"(?:[^\W\d]+\.?,?\s+)?"  # a weekday
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[-\s.]+([^\W\d]{3,})[-\s.,]+|([^\W\d]{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+)"
    r"(\d{4}|\d{2})(?:[,\s]+(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap]m)?)?\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_OFFSET = re.compile(r"(?:(?:GMT|UTC)\s*)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def instant_of(text: str) -> datetime | None:
    """The instant that a feed means, in UTC; None for what is no date. A date without a zone is taken for UTC.

    Placeholders (1970, year 1) are no dates.
    """
    text = " ".join(text.split())[:100]
    if not text:
        return None
    for reader in (_iso, _numbers, _mail, _words):
        try:
            found = reader(text)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        if found is not None:
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
            try:
                found = found.astimezone(UTC)
            except OverflowError:
                return None
            return found if _EARLIEST < found < _LATEST else None
    return None


def _iso(text: str) -> datetime | None:
    # "2026" alone would be read as a time of its own kind: at least a month and a day are needed here.
    return datetime.fromisoformat(text) if re.match(r"\d{4}-\d{2}-\d{2}", text) else None


def _numbers(text: str) -> datetime | None:
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, rest = found.groups()
    return _put_together(int(year), int(month), int(day or 1), hour, minute, second, rest)


def _mail(text: str) -> datetime | None:
    words = text.lower().split()
    # The parser takes zones that it does not know for UTC: those that we know are read below.
    if words[-1].strip("()") in _ZONES or "24:" in text or re.search(r"\d\s*[ap]m\b", text.lower()):
        return None
    return parsedate_to_datetime(text)


def _words(text: str) -> datetime | None:
    found = _WORDS.fullmatch(text)
    if found is None:
        return None
    day, month, month_first, day_second, year, hour, minute, second, half, rest = found.groups()
    number = _MONTHS.get((month or month_first).lower()[:3])
    if number is None:
        return None
    if hour and half:
        hour = str(int(hour) % 12 + (12 if half.lower() == "pm" else 0))
    full = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    return _put_together(full, number, int(day or day_second), hour, minute, second, rest)


def _put_together(
    year: int, month: int, day: int, hour: str | None, minute: str | None, second: str | None, rest: str
) -> datetime:
    at = datetime(year, month, day, tzinfo=_zone(rest))
    # By addition: 24:00 is midnight, and a leap second the next minute.
    return at + timedelta(hours=int(hour or 0), minutes=int(minute or 0), seconds=int(second or 0))


def _zone(text: str) -> timezone:
    text = text.strip(" ()")
    if not text or text.upper() in {"Z", "GMT", "UTC", "UT"}:
        return UTC
    if text.lower() in _ZONES:
        return timezone(timedelta(hours=_ZONES[text.lower()]))
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no zone")
    sign, hours, minutes = found.groups()
    span = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-span if sign == "-" else span)
