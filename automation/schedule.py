"""A recurring schedule in local words: every day, on weekdays, on a day of the month, every few days."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from automation.times import DAY, instant, local_date

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _plain(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("an hour of a schedule has no zone of its own: it is meant in the zone it is read in")
    return at


LocalTime = Annotated[time, AfterValidator(_plain)]
"""An hour of the wall clock, wherever that hangs."""


class Schedule(BaseModel):
    """When something recurs, by the calendar and the clock on the wall."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Literal["day", "week", "month", "days"] = Field(
        "week", description="Each day, on some weekdays, once a month, or every few days."
    )
    at: LocalTime = Field(time(9, 0), description="The local hour.")
    weekdays: tuple[Weekday, ...] = Field(("mon",), description="For each week: on which of its days.")
    day: Annotated[int, Field(ge=1, le=31)] | Literal["last"] = Field(
        1, description="For each month: its day, or its last. A month too short for the day has it on its last."
    )
    days: int = Field(2, ge=1, le=366, description="For every few days: how many, counted from the first.")
    from_on: date | None = Field(None, description="The first date; every few days needs it.")
    until_on: date | None = Field(None, description="The last date; empty goes on for good.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Schedule:
        if self.every == "week" and not self.weekdays:
            raise ValueError("choose at least one weekday")
        if self.every == "days" and self.from_on is None:
            raise ValueError("every few days needs a first date to count from")
        if self.from_on and self.until_on and self.until_on < self.from_on:
            raise ValueError("the last date is before the first")
        return self

    def falls_on(self, on: date) -> bool:
        """Whether a local date is one of the schedule's."""
        if (self.from_on and on < self.from_on) or (self.until_on and on > self.until_on):
            return False
        match self.every:
            case "day":
                return True
            case "week":
                return WEEKDAYS[on.weekday()] in self.weekdays
            case "month":
                last = monthrange(on.year, on.month)[1]
                return on.day == (last if self.day == "last" else min(self.day, last))
            case "days":
                assert self.from_on is not None
                return (on - self.from_on).days % self.days == 0

    def words(self) -> str:
        """The schedule as a reader says it: "every Monday and Friday at 09:00"."""
        match self.every:
            case "day":
                when = "every day"
            case "week":
                when = "every " + _listed([_NAMES[i] for i, day in enumerate(WEEKDAYS) if day in self.weekdays])
            case "month":
                when = "on the last day of each month" if self.day == "last" else f"on day {self.day} of each month"
            case "days":
                when = "every day" if self.days == 1 else f"every {self.days} days"
        text = f"{when} at {self.at:%H:%M}"
        if self.from_on:
            text += f", from {self.from_on.isoformat()}"
        return text + (f", until {self.until_on.isoformat()}" if self.until_on else "")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def occurrences(
    schedule: Schedule, where: ZoneInfo, since: datetime, until: datetime
) -> Iterator[tuple[date, datetime]]:
    """The schedule's local dates, in order, whose hour falls in (since, until], each with its instant in UTC."""
    # A gap may push the hour of the date before past midnight.
    on, last = local_date(since, where) - DAY, local_date(until, where)
    while on <= last:
        if schedule.falls_on(on):
            found = instant(on, schedule.at, where)
            if since < found <= until:
                yield on, found
        on += DAY


def before(schedule: Schedule, where: ZoneInfo, at: datetime) -> datetime | None:
    """The schedule's last instant before `at`, or None where there is none within the two years before."""
    on = local_date(at, where)
    for _ in range(732):
        if schedule.falls_on(on) and (found := instant(on, schedule.at, where)) < at:
            return found
        on -= DAY
    return None


def last_of(schedule: Schedule, where: ZoneInfo) -> datetime | None:
    """The instant after which the schedule has nothing any more; None where it goes on for good."""
    if schedule.until_on is None:
        return None
    return instant(schedule.until_on, schedule.at, where)
