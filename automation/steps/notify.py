"""Tell a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from automation.errors import CampaignBroken
from automation.models import Admin, Notice
from automation.step import Desk, Move, Next, Place, Publishing, Step, StepSettings


class NotifySettings(StepSettings):
    """What to say, and to whom."""

    text: str = Field("", max_length=500, description="What the person should know or do.")
    admin_id: int | None = Field(None, description="Number of the admin to tell; empty tells everybody.")


class Notify(Step):
    """Leaves a notice on the home page of the people who run the store, with a link to the customer.

    It stays there until one of them says that it is done. Nothing is mailed to the customer.
    """

    label = "Notify a person"
    icon = "bell"
    Settings = NotifySettings
    acts = True

    def take(self, places: Sequence[Place], step_id: str, settings: NotifySettings, desk: Desk) -> Mapping[int, Move]:
        for place in places:
            desk.keep(
                Notice,
                {
                    "store_id": desk.store_id,
                    "campaign_id": desk.campaign_id,
                    "customer_id": place.customer_id,
                    "enrolment_id": place.enrolment_id,
                    "step_id": step_id,
                    "round": place.round,
                    "admin_id": settings.admin_id,
                    "text": settings.text,
                    "created_at": desk.now,
                },
            )
        return {place.enrolment_id: Next() for place in places}

    def at_publish(self, settings: NotifySettings, publishing: Publishing) -> NotifySettings:
        if not settings.text.strip():
            raise CampaignBroken("write what the person should know")
        if settings.admin_id is not None and publishing.session.get(Admin, settings.admin_id) is None:
            raise CampaignBroken(f"there is no admin {settings.admin_id}")
        return settings

    def sentence(self, settings: NotifySettings) -> str:
        return f"Notify: {settings.text}" if settings.text else "Notify a person"
