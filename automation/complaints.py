"""How many of a campaign's mails were called spam, and what follows. The thresholds are the mailbox providers'.

Google and Yahoo want less than 0.10 % and turn mails away from 0.30 % on (facts in their sender guidelines of 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from automation.models import SENT, Message, MessageEvent
from automation.policy import Policy

Standing = Literal["well", "warned", "paused"]


@dataclass(frozen=True, slots=True)
class Tally:
    """Complaints about the mails of a span, and how many mails that were."""

    complaints: int
    sent: int

    @property
    def percent(self) -> float:
        """The share of complaints."""
        return 100 * self.complaints / self.sent if self.sent else 0.0


def standing(tally: Tally, policy: Policy) -> Standing:
    """What a campaign's complaints ask for.

    One complaint among ten mails is no rate: fewer than `complaint_least` never pause, and a single one never warns.
    """
    if tally.complaints >= policy.complaint_least and tally.percent >= policy.complaint_pause_percent:
        return "paused"
    if tally.complaints > 1 and tally.percent >= policy.complaint_warn_percent:
        return "warned"
    return "well"


def words(tally: Tally, policy: Policy, found: Standing) -> str:
    """The standing as the campaign's page says it; empty when all is well."""
    if found == "well":
        return ""
    said = (
        f"{tally.complaints:,} of {tally.sent:,} mails of the last {policy.complaint_days:g} days "
        f"({tally.percent:.2f} %) were called spam"
    )
    if found == "warned":
        return f"{said}. From {policy.complaint_pause_percent:g} % on the campaign is paused."
    return f"Paused by itself: {said}, and from {policy.complaint_pause_percent:g} % on that harms the sender."


def complained(session: Session, since: datetime) -> dict[int, list[datetime]]:
    """By campaign, when each mail left that was called spam since an instant. One statement over those events."""
    found = session.execute(
        select(Message.campaign_id, Message.accepted_at)
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(
            MessageEvent.type == "complaint",
            MessageEvent.at > since,
            Message.campaign_id.is_not(None),
            Message.accepted_at > since,
            Message.is_test.is_(False),
        )
        .group_by(Message.id, Message.campaign_id, Message.accepted_at)
    )
    times: dict[int, list[datetime]] = {}
    for campaign_id, accepted_at in found:
        assert campaign_id is not None
        assert accepted_at is not None
        times.setdefault(campaign_id, []).append(accepted_at)
    return times


def sent(session: Session, asked: Mapping[int, tuple[int, datetime, int]]) -> dict[int, int]:
    """How many mails left, by campaign: for each its store, since when, and how far to count. One statement.

    Counting ends where the answer no longer matters, so it costs what the complaints are worth, not what was sent.
    """
    if not asked:
        return {}
    parts = []
    for campaign_id, (store_id, since, enough) in asked.items():
        mails = (
            select(Message.id)
            .where(
                Message.store_id == store_id,
                Message.accepted_at > since,
                Message.campaign_id == campaign_id,
                Message.state.in_(SENT),
                Message.is_test.is_(False),
            )
            .limit(enough)
            .subquery()
        )
        parts.append(select(literal(campaign_id), func.count()).select_from(mails))
    return {row[0]: row[1] for row in session.execute(union_all(*parts))}
