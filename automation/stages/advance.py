"""Second stage: due enrolments take their next step; a mail step drafts a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation import bulk, versions
from automation.app import App
from automation.faults import declare, fault
from automation.models import CLASSES, Campaign, Customer, Enrolment, Message
from automation.security import random_id
from automation.step import Exit, Next, Place, WaitUntil
from automation.versions import Version

declare("advance.before_commit")

MOVING = ("live", "stopping", "finished")
"""States of a campaign whose customers go on."""
LATE = timedelta(hours=1)
"""A step taken later than this counts its waits from now, or a mail would follow on the heels of the one before."""
MAX_VISITS = 200
"""Steps one enrolment may take: no flow without a loop comes near."""


@dataclass(slots=True)
class _Row:
    """An enrolment while it is being moved."""

    place: Place
    version_id: int
    step_id: str | None
    visits: int
    state: str = "active"
    exit_reason: str = ""

    def go(self, step_id: str | None, due_at: datetime) -> None:
        self.step_id = step_id
        self.place = replace(self.place, due_at=due_at)

    def end(self, state: str, reason: str = "") -> None:
        self.state, self.exit_reason, self.step_id = state, reason[:200], None


class _Desk:
    """Collects what the steps ask for, to be written in bulk."""

    def __init__(self, session: Session, now: datetime, version: Version) -> None:
        self.session = session
        self.now = now
        self._version = version
        self.drafts: list[dict[str, Any]] = []

    def draft(self, place: Place, step_id: str, template_version_id: int) -> None:
        version, definition = self._version, self._version.definition
        self.drafts.append(
            {
                "public_id": random_id(),
                "store_id": version.store_id,
                "customer_id": place.customer_id,
                "campaign_id": version.campaign_id,
                "version_id": version.id,
                "enrolment_id": place.enrolment_id,
                "step_id": step_id,
                "template_version_id": template_version_id,
                "mail_class": definition.mail_class,
                "rank": CLASSES.index(definition.mail_class),
                "priority": definition.priority,
                "topic": definition.topic,
                "subject_id": place.subject_id,
                "is_test": False,
                "state": "draft",
                "reason": "",
                "due_at": self.now,
                "expires_at": self.now + version.policy.defer,
                "created_at": self.now,
            }
        )


def advance(app: App, now: datetime, limit: int) -> int:
    """Move at most `limit` due enrolments as far as they can go now; the number moved.

    One transaction: nothing here touches the network. The number of statements depends on how many versions and
    steps are due, never on how many customers.
    """
    with app.db.write() as session:
        rows = _claim(session, now, limit)
        if not rows:
            return 0
        by_version: dict[int, list[_Row]] = defaultdict(list)
        for row in rows:
            by_version[row.version_id].append(row)
        drafts: list[dict[str, Any]] = []
        for version_id, version in versions.of_ids(app, session, by_version).items():
            drafts += _advance_version(app, session, version, by_version[version_id], now)
        if drafts:
            session.execute(insert(Message), drafts)
        _write(session, rows, now)
        fault("advance.before_commit")
    return len(rows)


def _claim(session: Session, now: datetime, limit: int) -> list[_Row]:
    found = session.execute(
        select(
            Enrolment.id,
            Enrolment.customer_id,
            Enrolment.version_id,
            Enrolment.step_id,
            Enrolment.visits,
            Enrolment.due_at,
            Enrolment.anchor_at,
            Enrolment.subject_id,
            Customer.timezone,
        )
        .join(Customer, Customer.id == Enrolment.customer_id)
        .join(Campaign, Campaign.id == Enrolment.campaign_id)
        .where(Enrolment.state == "active", Enrolment.due_at <= now, Campaign.state.in_(MOVING))
        .order_by(Enrolment.due_at)
        .limit(limit)
        .with_for_update(of=Enrolment, skip_locked=True)
    )
    return [
        _Row(
            place=Place(
                enrolment_id=r.id,
                customer_id=r.customer_id,
                timezone=r.timezone or "",
                due_at=r.due_at,
                anchor_at=r.anchor_at,
                subject_id=r.subject_id,
            ),
            version_id=r.version_id,
            step_id=r.step_id,
            visits=r.visits,
        )
        for r in found
    ]


def _advance_version(
    app: App, session: Session, version: Version, rows: Sequence[_Row], now: datetime
) -> list[dict[str, Any]]:
    failing = versions.standing(session, version, [row.place.enrolment_id for row in rows], now)
    found = version.occurrences(now)
    desk = _Desk(session, now, version)
    for row in rows:
        reason = failing[row.place.enrolment_id]
        if reason is not None:
            row.end("exited", f"no longer true: {reason}")
        elif row.step_id is None:
            began = row.place.anchor_at + found.delay if found.due_at is None else row.place.due_at
            row.go(version.following[None], began)
        elif now - row.place.due_at > LATE:
            row.go(row.step_id, now)
        if not row.place.timezone:
            row.place = replace(row.place, timezone=version.timezone)
    _walk(app, version, rows, desk, now)
    return desk.drafts


def _walk(app: App, version: Version, rows: Sequence[_Row], desk: _Desk, now: datetime) -> None:
    """Take steps until everybody waits or has ended; all who are at one step take it together."""
    moving = [row for row in rows if row.state == "active"]
    while moving:
        at_step: dict[str, list[_Row]] = defaultdict(list)
        for row in moving:
            if row.step_id is None:
                row.end("finished")
            elif row.visits >= MAX_VISITS:
                row.end("exited", f"stopped after {MAX_VISITS} steps: the flow goes in a circle")
            elif row.step_id not in version.nodes:
                row.end("exited", "the step it was at is gone")
            else:
                at_step[row.step_id].append(row)
        moving = []
        for step_id, here in at_step.items():
            moving += _take(app, version, step_id, here, desk, now)


def _take(app: App, version: Version, step_id: str, rows: list[_Row], desk: _Desk, now: datetime) -> list[_Row]:
    """One step for all who are at it; answers those who can go on at once."""
    node = version.nodes[step_id]
    moves: Mapping[int, Any] = app.steps[node.kind].take(
        [row.place for row in rows], step_id, version.steps[step_id], desk
    )
    going = []
    for row in rows:
        row.visits += 1
        after = version.following[step_id]
        match moves[row.place.enrolment_id]:
            case Exit(reason=reason):
                row.end("exited", reason)
            case WaitUntil(at=at) if at > now:
                row.go(after, at)
                # A wait at the end of a flow has nothing to wait for.
                if after is None:
                    row.end("finished")
            case WaitUntil(at=at):
                row.go(after, at if now - at <= LATE else now)
                going.append(row)
            case Next(branch=branch):
                inside = node.branches.get(branch or "")
                row.go(inside[0].id if inside else after, row.place.due_at)
                going.append(row)
    return going


def _write(session: Session, rows: Sequence[_Row], now: datetime) -> None:
    bulk.update(
        session,
        Enrolment,
        [
            {
                "id": row.place.enrolment_id,
                "state": row.state,
                "step_id": row.step_id,
                "due_at": row.place.due_at,
                "visits": row.visits,
                "ended_at": None if row.state == "active" else now,
                "exit_reason": row.exit_reason,
            }
            for row in rows
        ],
    )
