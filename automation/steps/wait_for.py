"""Wait until something happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator

from automation.rules import english
from automation.rules.families import FAMILIES
from automation.rules.language import MAX_FILTERS, Filter, Happened
from automation.step import Desk, Move, Next, Place, Stay, Step, StepSettings
from automation.waking import AWAITED, next_look

_UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}


class WaitForSettings(StepSettings):
    """For what, and how long at most."""

    event: str = Field("order.placed", min_length=1, max_length=128, description="What the customer has to do.")
    where: tuple[Filter, ...] = Field((), max_length=MAX_FILTERS, description="Only if its properties are these.")
    amount: int = Field(3, ge=1, le=1000, description="How long to wait at most.")
    unit: Literal["minutes", "hours", "days"] = Field("days", description="Minutes, hours or days.")

    @model_validator(mode="after")
    def _can_be_awaited(self) -> WaitForSettings:
        self.as_rule()
        if self.event == "mail.opened":
            raise ValueError("machines open mails too: wait for mail.clicked, or for an order")
        if self.event in FAMILIES and self.event not in AWAITED:
            raise ValueError(f"{self.event} cannot be waited for; {', '.join(sorted(AWAITED))} and your own events can")
        return self

    def as_rule(self) -> Happened:
        """What is waited for, as a rule says it."""
        return Happened.model_validate({"event": self.event, "where": list(self.where)})

    @property
    def span(self) -> timedelta:
        return self.amount * _UNITS[self.unit]


class WaitFor(Step):
    """Waits until the customer does something, but no longer than a time you set.

    Who does it in time takes the branch “happened” at once; the others take “timed out” when the time is over. Only
    what happens after the customer came to this step counts.
    """

    label = "Wait for an event"
    icon = "calendar-event"
    Settings = WaitForSettings
    branches = ("happened", "timed_out")
    waits = True

    def take(self, places: Sequence[Place], step_id: str, settings: WaitForSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id
        first = desk.happened(places, settings.event, settings.where)
        return {p.enrolment_id: _move(p, first.get(p.enrolment_id), settings, desk.now) for p in places}

    def sentence(self, settings: WaitForSettings) -> str:
        unit = settings.unit.removesuffix("s") if settings.amount == 1 else settings.unit
        return f"Wait until {english.sentence(settings.as_rule())}, at most {settings.amount} {unit}"


def _move(place: Place, happened_at: datetime | None, settings: WaitForSettings, now: datetime) -> Move:
    until = place.since_at + settings.span
    if happened_at is not None and happened_at <= until:
        return Next("happened")
    if now >= until:
        return Next("timed_out")
    return Stay(min(until, next_look(place.since_at, now)), settings.event)
