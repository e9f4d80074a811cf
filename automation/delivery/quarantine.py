"""Campaigns whose mail cannot be rendered are paused, rather than parking a million mails one batch at a time."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import campaigns
from automation.errors import TemplateBroken
from automation.models import Campaign, Message

HOPELESS = 20
"""So many mails of a campaign in one batch that cannot be rendered, and none that can: it is not their recipients."""

log = logging.getLogger(__name__)


def hopeless(broken: Mapping[Message, TemplateBroken], good: Sequence[Message]) -> dict[int, str]:
    """Campaigns whose mail is to blame, and what is wrong with it.

    That is a mail that killed one render child after the other, or of which none of at least HOPELESS came out.
    """
    rendered = {m.campaign_id for m in good}
    failures: dict[int, list[TemplateBroken]] = defaultdict(list)
    for message, error in broken.items():
        if message.campaign_id is not None:
            failures[message.campaign_id].append(error)
    return {
        campaign_id: str(errors[0])
        for campaign_id, errors in failures.items()
        if any(e.is_poison for e in errors) or (len(errors) >= HOPELESS and campaign_id not in rendered)
    }


def pause(session: Session, reasons: Mapping[int, str], now: datetime) -> int:
    """Pause these campaigns, with the reason on their page and in the audit log; answers how many were not yet."""
    if not reasons:
        return 0
    rows = session.scalars(
        select(Campaign)
        .where(Campaign.id.in_(reasons), Campaign.state.in_(("live", "stopping")))
        .order_by(Campaign.id)
        .with_for_update()
    ).all()
    for campaign in rows:
        reason = f"Paused by itself: its mail cannot be rendered. {reasons[campaign.id]}"[:500]
        campaigns.pause(session, campaign, now, reason=reason)
        log.error("Campaign %s was paused: its mail cannot be rendered", campaign.public_id)
    return len(rows)
