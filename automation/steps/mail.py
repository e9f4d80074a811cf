"""Send a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from automation.errors import CampaignBroken, TemplateBroken
from automation.rendering import syntax
from automation.step import Desk, Move, Next, Place, Publishing, Step, StepSettings


class MailSettings(StepSettings):
    """Which mail."""

    template: str = Field("", description="The mail to send.")
    subject: str = Field(
        "", max_length=300, description="Another subject than the mail's own: to try several in an A/B test."
    )
    sender_name: str = Field(
        "", max_length=200, title="Sender's name", description="Another name than the store's in the inbox."
    )
    template_version_id: int | None = Field(None, description="Fixed when the campaign is published.")


class Mail(Step):
    """Drafts a mail to the customer.

    Whether and when it leaves is decided by the arbiter: consent, quiet hours, the gap between mails. The customer
    goes on to the next step at once.
    """

    label = "Send a mail"
    icon = "mail"
    Settings = MailSettings
    acts = True

    def take(self, places: Sequence[Place], step_id: str, settings: MailSettings, desk: Desk) -> Mapping[int, Move]:
        assert settings.template_version_id is not None, "publishing fixes it"
        for place in places:
            desk.draft(place, step_id, settings.template_version_id)
        return {place.enrolment_id: Next() for place in places}

    def at_publish(self, settings: MailSettings, publishing: Publishing) -> MailSettings:
        name = settings.template
        if not name:
            raise CampaignBroken("choose a mail")
        try:
            syntax.check(settings.subject, "subject")
        except TemplateBroken as error:
            raise CampaignBroken(f"its subject cannot be read: {error}") from error
        version_id = publishing.mails.get(name)
        if version_id is None:
            raise CampaignBroken(f"there is no mail called {name}")
        return settings.model_copy(update={"template_version_id": version_id})

    def sentence(self, settings: MailSettings) -> str:
        if not settings.template:
            return self.label
        return f"Send “{settings.template}”" + (f" as “{settings.subject}”" if settings.subject else "")
