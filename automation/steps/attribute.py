"""Set or clear an attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from automation.errors import CampaignBroken
from automation.step import Desk, Move, Next, Place, Publishing, Step, StepSettings

Value = StrictBool | StrictInt | StrictFloat | str


class AttributeSettings(StepSettings):
    """Which attribute, and what it becomes."""

    name: str = Field("", max_length=100, pattern=r'^[^\x00-\x1f."\\]*$', description="Name of the attribute.")
    value: Value | None = Field(None, description="What it is set to; empty clears it.")


class Attribute(Step):
    """Sets an attribute of the customer, or clears it; rules and mails see it at once."""

    label = "Set an attribute"
    icon = "pencil"
    Settings = AttributeSettings
    acts = True

    def take(
        self, places: Sequence[Place], step_id: str, settings: AttributeSettings, desk: Desk
    ) -> Mapping[int, Move]:
        del step_id
        for place in places:
            desk.set_attribute(place, settings.name, settings.value)
        return {place.enrolment_id: Next() for place in places}

    def at_publish(self, settings: AttributeSettings, publishing: Publishing) -> AttributeSettings:
        del publishing
        if not settings.name:
            raise CampaignBroken("name the attribute")
        if isinstance(settings.value, str) and len(settings.value) > 1000:
            raise CampaignBroken("the attribute's value is longer than 1,000 letters")
        return settings

    def sentence(self, settings: AttributeSettings) -> str:
        if settings.value is None:
            return f"Clear “{settings.name}”"
        return f"Set “{settings.name}” to {settings.value}"
