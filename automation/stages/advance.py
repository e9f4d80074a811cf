"""Second stage: due enrolments take their next step; a mail step drafts a message.

One transaction moves a batch, so a crash moves nobody or everybody in it. What a step does once is kept under
(enrolment, step, round); see `automation.step`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk, versions, waking
from automation.app import App
from automation.desk import BatchDesk
from automation.due import IS_ACTIVE, due_campaigns
from automation.endings import GOAL_STEP, Traveller, endings, needs_scope
from automation.faults import declare, fault
from automation.models import Customer, Enrolment
from automation.step import Exit, Hold, Jump, Move, Next, Place, Stay, WaitUntil
from automation.versions import Version

declare("advance.before_commit")

LATE = timedelta(hours=1)
"""A step taken later than this counts its waits from now, or a mail would follow on the heels of the one before."""
MAX_VISITS = 200
"""Steps one enrolment may take: no flow without a loop comes near."""
SOON = timedelta(seconds=1)
"""Nobody who stays at a step is looked at again within the same call."""


@dataclass(slots=True)
class _Row:
    """An enrolment while it is being moved."""

    place: Place
    version_id: int
    step_id: str | None
    visits: int
    entered_at: datetime
    is_special: bool
    """It has, or had, more to be written than where it is and when it is due."""
    waits_for: str | None = None
    goes_on_at: datetime | None = None
    arrived_at: datetime | None = None
    """Of the step at which it now stays."""
    state: str = "active"
    exit_reason: str = ""
    goal_at: datetime | None = None

    def go(self, step_id: str | None, due_at: datetime) -> None:
        """On to a step; what it waited for is behind it."""
        self.step_id = step_id
        if due_at != self.place.due_at or self.place.arrived_at is not None:
            self.place = self.place.coming(due_at)

    def stay(self, move: Stay, now: datetime) -> None:
        """Stay where it is until something happens."""
        since = self.place.since_at
        self.place = replace(self.place, due_at=max(move.until, now + SOON))
        self.waits_for, self.arrived_at, self.is_special = move.event, since, True

    def watch(self, events: frozenset[str]) -> None:
        """Be woken, too, when the goal may be reached: not to go on, where it waits for its time."""
        if events:
            known = set() if self.waits_for is None else {self.waits_for}
            self.waits_for, self.is_special = waking.one_of(events | known), True
            self.goes_on_at = self.place.due_at if self.arrived_at is None else None

    def jump(self, move: Jump) -> None:
        """To another step of the flow, and take note of it."""
        assert self.step_id is not None
        jumps = {**self.place.jumps, self.step_id: self.place.jumps.get(self.step_id, 0) + 1}
        number = self.place.round + 1 if move.again else self.place.round
        self.place = replace(self.place, jumps=jumps, round=number, arrived_at=None, is_back=False)
        self.step_id, self.is_special = move.step_id, True

    def end(self, state: str, reason: str = "") -> None:
        """The way is over."""
        self.state, self.exit_reason, self.step_id = state, reason[:200], None


def advance(app: App, now: datetime, limit: int) -> int:
    """Move at most `limit` due enrolments as far as they can go now; the number moved.

    One transaction: nothing here touches the network. The number of statements depends on how many campaigns,
    versions and steps are due, never on how many customers. Who waits in a paused campaign is not looked at.
    """
    with app.db.read() as session:
        due = session.scalars(due_campaigns(now)).all()
    if not due:
        return 0
    with app.db.write() as session:
        rows: list[_Row] = []
        for campaign_id in due:
            if len(rows) < limit:
                rows += _claim(session, campaign_id, now, limit - len(rows))
        if not rows:
            return 0
        by_version: dict[int, list[_Row]] = defaultdict(list)
        for row in rows:
            by_version[row.version_id].append(row)
        for version_id, version in versions.of_ids(app, session, by_version).items():
            desk = BatchDesk(session, now, version)
            moving = _still_on_their_way(session, version, by_version[version_id], desk, now)
            _walk(app, version, moving, desk, now)
            desk.flush()
        _write(session, rows, now)
        fault("advance.before_commit")
    return len(rows)


def _claim(session: Session, campaign_id: int, now: datetime, limit: int) -> list[_Row]:
    found = session.execute(
        select(
            Enrolment.id,
            Enrolment.customer_id,
            Customer.timezone,
            Enrolment.due_at,
            Enrolment.anchor_at,
            Enrolment.subject_id,
            Enrolment.round,
            Enrolment.arrived_at,
            Enrolment.jumps,
            Enrolment.version_id,
            Enrolment.step_id,
            Enrolment.visits,
            Enrolment.entered_at,
            Enrolment.waits_for,
            Enrolment.goes_on_at,
        )
        .join(Customer, Customer.id == Enrolment.customer_id)
        .where(IS_ACTIVE, Enrolment.campaign_id == campaign_id, Enrolment.due_at <= now)
        .order_by(Enrolment.due_at)
        .limit(limit)
        .with_for_update(of=Enrolment, skip_locked=True)
    )
    rows = []
    for r in found:
        number, customer, zone, due_at, anchor_at, subject, rounds, arrived_at, jumps, version, step, visits, *rest = r
        entered_at, waits_for, goes_on_at = rest
        if goes_on_at is not None:
            due_at = max(due_at, goes_on_at)
        is_back = arrived_at is not None
        place = Place(
            number, customer, zone or "", due_at, anchor_at, subject, rounds, arrived_at, is_back, jumps or {}
        )
        is_special = rounds > 1 or jumps is not None or arrived_at is not None or waits_for is not None
        rows.append(_Row(place, version, step, visits, entered_at, is_special))
    return rows


def _still_on_their_way(
    session: Session, version: Version, rows: Sequence[_Row], desk: BatchDesk, now: datetime
) -> list[_Row]:
    """Those whose way does not end before this step, each with the instant from which it counts."""
    travellers = [
        Traveller(row.place.enrolment_id, row.place.customer_id, row.entered_at, row.step_id == GOAL_STEP)
        for row in rows
    ]
    scope = desk.scope if needs_scope(version) else None
    ended = endings(session, version, travellers, scope, now)
    due = version.occurrences(now) if any(row.step_id is None for row in rows) else None
    moving = []
    for row in rows:
        ending = ended.get(row.place.enrolment_id)
        if ending is not None:
            row.end(ending.state, ending.reason)
            if ending.goal_at is not None:
                row.goal_at, row.is_special = ending.goal_at, True
            continue
        if row.place.due_at > now:
            # Woken before its time, and the goal is not reached: it waits on.
            row.watch(_goal_events(version, row, now))
            continue
        if not row.place.timezone and row.place.arrived_at is None:
            row.place = row.place.coming(row.place.due_at, version.timezone)
        elif not row.place.timezone:
            row.place = replace(row.place, timezone=version.timezone)
        if row.step_id is None:
            assert due is not None
            row.go(version.following[None], row.place.anchor_at + due.delay if due.due_at is None else row.place.due_at)
        elif row.step_id == GOAL_STEP:
            row.step_id = None
        elif now - row.place.due_at > LATE:
            row.place = replace(row.place, due_at=now, arrived_at=row.place.since_at)
        moving.append(row)
    return moving


def _goal_events(version: Version, row: _Row, now: datetime) -> frozenset[str]:
    """What it is worth waking for while it waits: the events of a goal that may still be reached."""
    goal = version.definition.goal
    return version.goal_events if goal is not None and now < row.entered_at + goal.within else frozenset()


def _walk(app: App, version: Version, rows: Iterable[_Row], desk: BatchDesk, now: datetime) -> None:
    """Take steps until everybody waits or has ended; all who are at one step take it together."""
    moving = list(rows)
    while moving:
        at_step: dict[str, list[_Row]] = defaultdict(list)
        for row in moving:
            if row.step_id is None:
                _finish(row, version, now)
            elif row.visits >= MAX_VISITS:
                row.end("exited", f"stopped after {MAX_VISITS} steps: the flow goes in a circle")
            elif row.step_id not in version.nodes:
                row.end("exited", "the step it was at is gone")
            else:
                at_step[row.step_id].append(row)
        moving = []
        for step_id, here in at_step.items():
            moving += _take(app, version, step_id, here, desk, now)


def _finish(row: _Row, version: Version, now: datetime) -> None:
    """Through all steps; while the goal may still be reached, the enrolment stays to see it."""
    goal = version.definition.goal
    if goal is None or now >= row.entered_at + goal.within:
        row.end("finished")
        return
    row.go(GOAL_STEP, row.entered_at + goal.within)
    row.waits_for, row.is_special = waking.one_of(version.goal_events), True


def _take(app: App, version: Version, step_id: str, rows: list[_Row], desk: BatchDesk, now: datetime) -> list[_Row]:
    """One step for all who are at it; answers those who can go on at once."""
    node = version.nodes[step_id]
    moves = app.steps[node.kind].take([row.place for row in rows], step_id, version.steps[step_id], desk)
    after = version.following[step_id]
    inside = {name: nodes[0].id for name, nodes in node.branches.items() if nodes}
    going = []
    for row in rows:
        row.visits += not row.place.is_back
        if _move(row, moves[row.place.enrolment_id], after, inside, now):
            going.append(row)
        elif row.state == "active":
            row.watch(_goal_events(version, row, now))
    return going


def _move(row: _Row, move: Move, after: str | None, inside: dict[str, str], now: datetime) -> bool:
    """Do what a step said; whether the enrolment can go on at once."""
    match move:
        case Next(branch=branch):
            row.go(inside.get(branch or "", after), row.place.due_at)
            return True
        case WaitUntil(at=at):
            # A wait at the end of a flow has nothing to wait for.
            if at > now and after is not None:
                row.go(after, at)
                return False
            row.go(after, at if now - at <= LATE else now)
            return True
        case Stay():
            row.stay(move, now)
            return False
        case Jump():
            row.jump(move)
            return True
        case Exit(reason=reason):
            row.end("exited", reason)
        case Hold(reason=reason):
            row.end("held", reason)
    return False


def _write(session: Session, rows: Sequence[_Row], now: datetime) -> None:
    plain, special = [], []
    for row in rows:
        values = {
            "id": row.place.enrolment_id,
            "state": row.state,
            "step_id": row.step_id,
            "due_at": row.place.due_at,
            "visits": row.visits,
            "ended_at": None if row.state == "active" else now,
            "exit_reason": row.exit_reason,
        }
        if row.is_special:
            special.append(values | _more(row))
        else:
            plain.append(values)
    bulk.update(session, Enrolment, plain)
    bulk.update(session, Enrolment, special)


def _more(row: _Row) -> dict[str, Any]:
    """What most enrolments never have: rounds, waits for events, a goal."""
    is_active = row.state == "active"
    return {
        "round": row.place.round,
        "jumps": row.place.jumps or None,
        "arrived_at": row.arrived_at if is_active else None,
        "waits_for": row.waits_for if is_active else None,
        "goes_on_at": row.goes_on_at if is_active else None,
        "goal_at": row.goal_at,
    }
