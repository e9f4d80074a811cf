"""Leave the campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from automation.step import Desk, Exit, Move, Place, Step, StepSettings


class ExitSettings(StepSettings):
    """Why."""

    reason: str = Field("", max_length=200, description="Shown on the customer's page.")


class ExitStep(Step):
    """Ends the campaign for the customer."""

    label = "Exit"
    icon = "flag"
    Settings = ExitSettings

    def take(self, places: Sequence[Place], step_id: str, settings: ExitSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id, desk
        return {place.enrolment_id: Exit(settings.reason or "reached an exit") for place in places}

    def sentence(self, settings: ExitSettings) -> str:
        return f"Exit: {settings.reason}" if settings.reason else "Exit"
