"""Wait for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field

from automation.step import Desk, Move, Place, Step, StepSettings, WaitUntil

_UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}


class WaitSettings(StepSettings):
    """How long."""

    amount: int = Field(1, ge=1, le=1000, description="How long to wait.")
    unit: Literal["minutes", "hours", "days"] = Field("hours", description="Minutes, hours or days.")

    @property
    def span(self) -> timedelta:
        return self.amount * _UNITS[self.unit]


class Wait(Step):
    """Waits, counted from when the step before was due, so that a late worker does not make everything later."""

    label = "Wait"
    icon = "hourglass"
    Settings = WaitSettings
    waits = True

    def take(self, places: Sequence[Place], step_id: str, settings: WaitSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id, desk
        return {place.enrolment_id: WaitUntil(place.due_at + settings.span) for place in places}

    def sentence(self, settings: WaitSettings) -> str:
        unit = settings.unit.removesuffix("s") if settings.amount == 1 else settings.unit
        return f"Wait {settings.amount} {unit}"
