"""Beside the belt: campaigns whose mails are called spam too often are warned about, and then paused."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from automation import audit, cursors
from automation.actions import campaigns
from automation.app import App
from automation.complaints import Tally, complained, sent, standing, words
from automation.faults import declare, fault
from automation.models import Campaign, Cursor, Store
from automation.policy import Policy

declare("watch.before_commit")

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
_NAME = "watch"
_WARNED = 1
_RUNNING = ("live", "stopping")


def watch(app: App, now: datetime, limit: int) -> int:  # noqa: ARG001  campaigns with complaints are few
    """Look at the campaigns with complaints, once a minute; the number whose standing changed.

    It reads the complaints of the last days and, for campaigns that have any, as many mails as the rate depends on.
    A paused campaign that a person resumes is counted anew from its pause on.
    """
    with app.db.read() as session:
        looked = session.get(Cursor, _NAME)
        if looked is not None and timedelta() <= now - looked.at < EVERY:
            return 0
    with app.db.write() as session:
        changed = _look(session, now)
        cursors.move(session, _NAME, 0, now)
        fault("watch.before_commit")
    return changed


def _look(session: Session, now: datetime) -> int:
    policies = {row.id: Policy.model_validate(row.policy) for row in session.execute(select(Store.id, Store.policy))}
    if not policies:
        return 0
    times = complained(session, now - max(policy.complaint_window for policy in policies.values()))
    marks = {int(m.name.removeprefix(f"{_NAME}:")): m for m in session.scalars(select(Cursor).where(_is_mark()))}
    warned = [i for i, mark in marks.items() if mark.position == _WARNED]
    running = session.scalars(
        select(Campaign)
        .where(Campaign.state.in_(_RUNNING), or_(Campaign.id.in_(times), Campaign.id.in_(warned)))
        .order_by(Campaign.id)
    ).all()
    counts: dict[int, int] = {}
    asked: dict[int, tuple[int, datetime, int]] = {}
    for campaign in running:
        policy, mark = policies[campaign.store_id], marks.get(campaign.id)
        since = now - policy.complaint_window
        since = max(since, mark.at) if mark else since
        counts[campaign.id] = sum(at > since for at in times.get(campaign.id, ()))
        # Among more mails than this, so many complaints are below every threshold.
        enough = int(100 * counts[campaign.id] / min(policy.complaint_warn_percent, policy.complaint_pause_percent)) + 1
        asked[campaign.id] = (campaign.store_id, since, enough)
    found = sent(session, asked)
    return sum(
        _settle(
            session,
            campaign,
            marks.get(campaign.id),
            Tally(counts[campaign.id], found.get(campaign.id, 0)),
            policies[campaign.store_id],
            now,
        )
        for campaign in running
    )


def _settle(
    session: Session, campaign: Campaign, mark: Cursor | None, tally: Tally, policy: Policy, now: datetime
) -> bool:
    found, was_warned = standing(tally, policy), mark is not None and mark.position == _WARNED
    said = words(tally, policy, found)
    name = f"{_NAME}:{campaign.id}"
    counted_from = mark.at if mark else campaign.created_at
    if found == "paused":
        log.warning("Campaign %s is paused: %s", campaign.public_id, said)
        campaigns.pause(session, campaign, now, reason=said)
        cursors.move(session, name, 0, now)
        return True
    if found == "warned":
        campaign.state_reason = said
        if not was_warned:
            audit.note(session, None, "campaign.warned", campaign.public_id, now, reason=said)
            cursors.move(session, name, _WARNED, counted_from)
        return not was_warned
    if was_warned:
        campaign.state_reason = ""
        cursors.move(session, name, 0, counted_from)
    return was_warned


def _is_mark() -> ColumnElement[bool]:
    return Cursor.name.like(f"{_NAME}:%")
