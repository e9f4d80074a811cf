"""Tell another system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import orjson
from pydantic import Field
from sqlalchemy import select

from automation import outside
from automation.errors import CampaignBroken
from automation.models import Campaign, Customer, OutboundWebhook
from automation.security import random_id
from automation.step import Desk, Move, Next, Place, Publishing, Step, StepSettings


class WebhookSettings(StepSettings):
    """Where to, and what it is called there."""

    url: str = Field("", max_length=2000, description="Address of the other system; https only.")
    type: str = Field(
        "customer.reached_step", pattern=r"^[A-Za-z0-9_.]{1,100}$", description="What the request says has happened."
    )


class Webhook(Step):
    """Sends a signed request about the customer to another system.

    The signature follows Standard Webhooks. A request that is not taken is tried again for a day and a half, always
    with the same id, so that the receiver can tell a repetition. The customer goes on at once.
    """

    label = "Webhook"
    icon = "webhook"
    Settings = WebhookSettings
    acts = True

    def take(self, places: Sequence[Place], step_id: str, settings: WebhookSettings, desk: Desk) -> Mapping[int, Move]:
        found = desk.session.execute(
            select(
                Customer.id,
                Customer.public_id,
                Customer.email,
                Customer.first_name,
                Customer.last_name,
                Customer.locale,
                Customer.tags,
                Customer.attributes,
            ).where(Customer.id.in_({place.customer_id for place in places}), Customer.erased_at.is_(None))
        )
        people = {row.id: row for row in found}
        campaign = desk.session.execute(
            select(Campaign.public_id, Campaign.name).where(Campaign.id == desk.campaign_id)
        ).one()
        for place in places:
            if place.customer_id in people:
                body = _body(people[place.customer_id], campaign, step_id, settings, desk)
                desk.keep(OutboundWebhook, _row(place, step_id, settings, desk, body))
        return {place.enrolment_id: Next() for place in places}

    def at_publish(self, settings: WebhookSettings, publishing: Publishing) -> WebhookSettings:
        del publishing
        problem = outside.problem_of(settings.url)
        if problem:
            raise CampaignBroken(f"url: {problem}")
        return settings

    def sentence(self, settings: WebhookSettings) -> str:
        host = settings.url.partition("://")[2].partition("/")[0]
        return f"Webhook to {host}" if host else "Webhook"


def _body(person: Any, campaign: Any, step_id: str, settings: WebhookSettings, desk: Desk) -> str:
    return orjson.dumps(
        {
            "type": settings.type,
            "timestamp": desk.now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "data": {
                "customer": {
                    "id": person.public_id,
                    "email": person.email,
                    "first_name": person.first_name,
                    "last_name": person.last_name,
                    "locale": person.locale,
                    "tags": person.tags,
                    "attributes": person.attributes,
                },
                "campaign": {"id": campaign.public_id, "name": campaign.name},
                "step": step_id,
            },
        }
    ).decode()


def _row(place: Place, step_id: str, settings: WebhookSettings, desk: Desk, body: str) -> dict[str, Any]:
    return {
        "public_id": f"msg_{random_id()}",
        "store_id": desk.store_id,
        "campaign_id": desk.campaign_id,
        "enrolment_id": place.enrolment_id,
        "step_id": step_id,
        "round": place.round,
        "url": settings.url,
        "body": body,
        "state": "waiting",
        "due_at": desk.now,
        "created_at": desk.now,
    }
