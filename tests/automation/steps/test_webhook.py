"""Where a webhook may go; how it is sent stands in stages/test_post."""

from __future__ import annotations

import pytest

from automation.app import App
from automation.errors import CampaignBroken
from automation.steps.webhook import Webhook, WebhookSettings
from tests.automation.steps.flows import World, node


def test_an_address_inside_is_refused_at_publishing(app: App) -> None:
    with pytest.raises(CampaignBroken, match="step h: url: the address must be one of the public internet"):
        World(app, [node("h", "webhook", url="https://10.1.2.3/")])


def test_it_names_the_host_and_nothing_of_the_path() -> None:
    settings = WebhookSettings(url="https://crm.example.com/token/secret")
    assert Webhook().sentence(settings) == "Webhook to crm.example.com"
