"""Spans of time in a rule: the last days, between two days, since one, or a calendar's month, year, week or day.

A window becomes a span of instants in Python, once per time zone, so that a plain index on the instant serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from automation.errors import RuleBroken

ZoneOf = Literal["store", "customer"]
"""Whose calendar is meant."""
MAX_DAYS = 36_500
TICK = timedelta(microseconds=1)
"""The databases' finest difference of two instants."""


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from `since` on and before `until`; None is open."""

    since: datetime | None = None
    until: datetime | None = None
    is_after: bool = False
    """`since` itself is outside."""


def _moment(value: str) -> str:
    if moment(value) is None:
        raise ValueError("needs a date (2026-03-01), or an ISO date and time with its zone")
    return value


def moment(value: Any) -> date | datetime | None:
    """A date, or an instant in UTC; None for a text that is neither, or lies outside of 1900 to 2199."""
    found: date | datetime
    try:
        if len(value) == len("2026-03-01"):
            found = date.fromisoformat(value)
        else:
            at = datetime.fromisoformat(value)
            if at.tzinfo is None:
                return None
            found = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 1900 <= found.year < 2200 else None


Moment = Annotated[str, AfterValidator(_moment)]
Days = Annotated[float, Field(gt=0, le=MAX_DAYS, strict=True, allow_inf_nan=False)]


class _Window(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LastDays(_Window):
    """Less than so many times 24 hours ago."""

    last_days: Days


class Between(_Window):
    """Two local dates, both included; or two instants, the second not included."""

    between: Annotated[list[Moment], Field(min_length=2, max_length=2)]
    zone: ZoneOf = "store"

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        first, last = (moment(text) for text in self.between)
        if type(first) is not type(last):
            raise ValueError("between: needs two dates, or two instants, not one of each")
        if first is not None and last is not None and first > last:
            raise ValueError("between: the first is later than the second")
        return self


class Since(_Window):
    """From a local date or an instant on."""

    since: Moment
    zone: ZoneOf = "store"


Named = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"]


class Calendar(_Window):
    """A day, a week (from Monday on), a month or a year of the calendar."""

    calendar: Named
    zone: ZoneOf = "store"


class SinceEntry(_Window):
    """From the customer's entry into the campaign on; only where an enrolment is in sight."""

    since_entry: Literal[True]


def _tag(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return type(value).__name__
    names = {"last_days": "LastDays", "between": "Between", "since": "Since", "calendar": "Calendar"}
    names["since_entry"] = "SinceEntry"
    return next((tag for key, tag in names.items() if isinstance(value, dict) and key in value), None)


Window = Annotated[
    Annotated[LastDays, Tag("LastDays")]
    | Annotated[Between, Tag("Between")]
    | Annotated[Since, Tag("Since")]
    | Annotated[Calendar, Tag("Calendar")]
    | Annotated[SinceEntry, Tag("SinceEntry")],
    Discriminator(
        _tag,
        custom_error_type="window",
        custom_error_message=(
            "a window is one of {last_days}, {between: [from, to]}, {since}, {calendar}, {since_entry: true}"
        ),
    ),
]
_ADAPTER: TypeAdapter[LastDays | Between | Since | Calendar | SinceEntry] = TypeAdapter(Window)


def read(value: Any) -> LastDays | Between | Since | Calendar | SinceEntry:
    """Parse a window's JSON. Raises pydantic's ValidationError."""
    return _ADAPTER.validate_python(value)


def zone_of(window: Any) -> ZoneOf | None:
    """Whose calendar a window is read in; None for one that is the same everywhere."""
    match window:
        case Calendar():
            return window.zone
        case Between(between=texts) if not isinstance(moment(texts[0]), datetime):
            return window.zone
        case Since(since=text) if not isinstance(moment(text), datetime):
            return window.zone
        case _:
            return None


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of a name; UTC for one that is not known."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_date(now: datetime, where: ZoneInfo) -> date:
    """The date of an instant in a zone."""
    return now.astimezone(where).date()


def day_start(on: date, where: ZoneInfo) -> datetime:
    """The first instant of a local date, in UTC; where a change of clocks skips midnight, the first after it."""
    # The earlier fold reads a skipped midnight by the offset before the change: that is the change itself.
    return datetime.combine(on, time(), where).astimezone(UTC)


def span(window: Any, now: datetime, where: ZoneInfo, entry: Any = None) -> Span:
    """The instants that a window means at `now`, for calendars read in a zone. None is all time.

    `entry` is the instant, or the column, of an enrolment's entry. Raises RuleBroken for a window since the entry where
    there is none.
    """
    match window:
        case SinceEntry():
            if entry is None:
                raise RuleBroken(
                    "since_entry counts from a customer's entry into a campaign: it can stand in a campaign's exit "
                    "rules, its goal and its branch steps, and nowhere else."
                )
            return Span(entry, is_after=True)
        case None:
            return Span()
        case LastDays():
            return Span(now - timedelta(days=window.last_days) + TICK, now + TICK)
        case Since():
            return Span(_start(window.since, where))
        case Between(between=[first, last]):
            return Span(_start(first, where), _end(last, where))
        case Calendar():
            first_on, end_on = _dates(window.calendar, local_date(now, where))
            return Span(day_start(first_on, where), day_start(end_on, where))
    raise TypeError(f"{window!r} is no window")


def _start(text: str, where: ZoneInfo) -> datetime:
    found = moment(text)
    assert found is not None
    return found if isinstance(found, datetime) else day_start(found, where)


def _end(text: str, where: ZoneInfo) -> datetime:
    found = moment(text)
    assert found is not None
    return found if isinstance(found, datetime) else day_start(found + timedelta(days=1), where)


def _dates(named: Named, today: date) -> tuple[date, date]:
    """The first date, and the first one after the last."""
    day = timedelta(days=1)
    week, month, year = today - today.weekday() * day, today.replace(day=1), today.replace(month=1, day=1)
    match named:
        case "today":
            return today, today + day
        case "yesterday":
            return today - day, today
        case "this_week":
            return week, week + 7 * day
        case "last_week":
            return week - 7 * day, week
        case "this_month":
            return month, (month + 31 * day).replace(day=1)
        case "last_month":
            return (month - day).replace(day=1), month
        case "this_year":
            return year, year.replace(year=year.year + 1)
        case "last_year":
            return year.replace(year=year.year - 1), year
