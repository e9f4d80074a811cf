"""Wait until an hour or a weekday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Annotated

from pydantic import BeforeValidator, Field

from automation.schedule import WEEKDAYS, LocalTime, Weekday
from automation.step import Desk, Move, Place, Step, StepSettings, WaitUntil
from automation.times import DAY, instant, local_date, zone

_NAMES = dict(
    zip(WEEKDAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"), strict=True)
)


def _listed(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class WaitUntilSettings(StepSettings):
    """Until when."""

    at: LocalTime = Field(time(9, 0), description="The hour, where the customer lives.")
    weekdays: Annotated[tuple[Weekday, ...], BeforeValidator(_listed)] = Field(
        (), description="Only on these days: mon, tue, wed, thu, fri, sat, sun. Empty for any day."
    )


class WaitUntilHour(Step):
    """Waits for the next time that it is a certain hour, and one of certain weekdays, where the customer lives.

    Who comes at that very minute goes on at once. An hour that the change of clocks skips begins when the clocks
    have changed; one that comes twice counts the first time.
    """

    label = "Wait until"
    icon = "alarm"
    Settings = WaitUntilSettings
    waits = True

    def take(
        self, places: Sequence[Place], step_id: str, settings: WaitUntilSettings, desk: Desk
    ) -> Mapping[int, Move]:
        del step_id, desk
        return {p.enrolment_id: WaitUntil(next_strike(p.due_at, p.timezone, settings)) for p in places}

    def sentence(self, settings: WaitUntilSettings) -> str:
        days = [_NAMES[day] for day in WEEKDAYS if day in settings.weekdays]
        listed = f" on {', '.join(days[:-1])} or {days[-1]}" if len(days) > 1 else f" on {days[0]}" if days else ""
        return f"Wait until {settings.at:%H:%M}{listed}"


def next_strike(after: datetime, timezone: str, settings: WaitUntilSettings) -> datetime:
    """The first instant, no earlier than `after`, at which the hour strikes on one of the days."""
    where = zone(timezone)
    # A gap may push the hour of the date before past midnight.
    on = local_date(after, where) - DAY
    while True:
        if not settings.weekdays or WEEKDAYS[on.weekday()] in settings.weekdays:
            found = instant(on, settings.at, where)
            if found >= after:
                return found
        on += DAY
