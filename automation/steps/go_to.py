"""Go to another step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from automation.errors import CampaignBroken
from automation.step import Desk, Jump, Move, Next, Place, Publishing, Step, StepSettings


class GoToSettings(StepSettings):
    """Where to, and how often."""

    step: str = Field("", max_length=64, description="Id of the step to go to.")
    at_most: int = Field(3, ge=1, le=50, description="How often one customer may; then they go on below.")
    again: bool = Field(False, description="On: what was sent and done is sent and done again. Off: it is passed over.")


class GoTo(Step):
    """Sends the customer to another step of the flow, back or ahead.

    Nobody gets the same mail twice by going back, unless you switch “again” on: then mails, offers, points, notices
    and webhooks behind it are due once more, each time round.
    """

    label = "Go to"
    icon = "arrow-back-up"
    Settings = GoToSettings

    def take(self, places: Sequence[Place], step_id: str, settings: GoToSettings, desk: Desk) -> Mapping[int, Move]:
        del desk
        jump = Jump(settings.step, again=settings.again)
        return {p.enrolment_id: jump if p.jumps.get(step_id, 0) < settings.at_most else Next() for p in places}

    def at_publish(self, settings: GoToSettings, publishing: Publishing) -> GoToSettings:
        if not settings.step:
            raise CampaignBroken("choose the step to go to")
        if settings.step not in publishing.step_ids:
            raise CampaignBroken(f"there is no step {settings.step} to go to")
        if settings.step == publishing.step_id:
            raise CampaignBroken("it goes to itself")
        return settings

    def goes_to(self, settings: GoToSettings) -> str | None:
        return settings.step or None

    def renamed(self, settings: GoToSettings, names: Mapping[str, str]) -> GoToSettings:
        return settings.model_copy(update={"step": names.get(settings.step, "")})

    def sentence(self, settings: GoToSettings) -> str:
        times = "once" if settings.at_most == 1 else f"{settings.at_most} times at most"
        return f"Go to {settings.step or '…'}, {times}"
