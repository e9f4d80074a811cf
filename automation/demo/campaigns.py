"""Puts the demo's campaigns live: those that the shop's own life gives work, and one newsletter."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from automation.actions import campaigns, templates
from automation.app import App
from automation.insights.journey import ready
from automation.models import Store

BACKDATED = timedelta(days=2)
"""The reminders have been live this long, so that the carts of the last hours count."""
LIVE = (
    "browse_abandoned",
    "welcome",
    "birthday",
    "first_purchase",
    "review_request",
    "cross_sell",
    "win_back",
    "order_milestone",
)
"""Beside cart reminder and newsletter: what views, subscriptions, orders and deliveries of the demo set off."""
NEWSLETTER_FOR = {"field": "country", "is": "in", "value": ["DE", "AU", "US", "JP", "NZ", "CA"]}
"""Somebody of these is awake at any hour."""


def start(app: App, session: Session, store: Store, now: datetime) -> list[str]:
    """Install the mails, make the campaigns and publish them, and lay out the journey map; the campaigns' names."""
    templates.install(app, session, store, now)
    reminder = campaigns.create_from_recipe(app, session, store, "cart_abandoned", now)
    campaigns.publish(app, session, reminder, now)
    reminder.live_since = now - BACKDATED
    letter = campaigns.create_from_recipe(app, session, store, "newsletter", now)
    letter.name = "News from the workshop"
    campaigns.edit(app, session, letter, {**letter.draft, "audience": NEWSLETTER_FOR}, now)
    campaigns.publish(app, session, letter, now)
    others = [campaigns.create_from_recipe(app, session, store, recipe, now) for recipe in LIVE]
    for campaign in others:
        campaigns.publish(app, session, campaign, now)
    ready.begin(session, store, now)
    return [campaign.name for campaign in (reminder, letter, *others)]
