"""What a new version means for those who are inside an older one: who waits where, and where they go.

A customer's place is the step they take next. Where the new version has that step, they keep their place and their
time. Where it does not, they go to the next step of their old version that the new one still has; where there is
none, their way ends with the reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import case, func, literal, select, update
from sqlalchemy.orm import Session

from automation import campaigns
from automation.campaigns import Definition
from automation.endings import GOAL_STEP
from automation.models import CampaignVersion, Enrolment
from automation.upsert import table_of

Inside = Literal["finish", "move", "exit"]
"""What becomes of those who are inside: they finish on their version, move to the new one, or leave."""
LEFT_BEHIND = "its step is gone from the new version"
NO_GOAL = "went through all steps; the new version has no goal to wait for"


@dataclass(frozen=True, slots=True)
class Impact:
    """The people at one step of a version that customers are inside of."""

    version: int
    """Its number."""
    step_id: str | None
    """None before the first step, `-goal` behind the last."""
    waiting: int
    fate: Literal["stays", "changes", "vanishes"]
    """What the step is in the new version."""
    goes_to: str | None
    """Where they go if they are moved; None where their way would end (or they are before the first step)."""


def impact(session: Session, campaign_id: int, new: Definition) -> list[Impact]:
    """Who waits where, and what `new` would mean for them; two statements."""
    old = _versions(session, campaign_id)
    found = []
    for version_id, step_id, count in _waiting(session, campaign_id):
        number, definition = old[version_id]
        target = destination(definition, new, step_id)
        found.append(Impact(number, step_id, count, _fate(definition, new, step_id), target))
    return sorted(found, key=lambda one: (one.version, one.step_id or ""))


def destination(old: Definition, new: Definition, step_id: str | None) -> str | None:
    """The step of `new` at which someone goes on who was about to take `step_id` of `old`; None where there is none."""
    if step_id is None:
        return None
    if step_id == GOAL_STEP:
        return GOAL_STEP if new.goal is not None else None
    kept = {node.id for node in campaigns.walk(new.flow)}
    order = campaigns.following(old.flow)
    seen: set[str] = set()
    at: str | None = step_id
    while at is not None and at not in kept and at not in seen:
        seen.add(at)
        at = order.get(at)
    return at if at in kept else None


def move(session: Session, campaign_id: int, new: Definition, version_id: int, now: datetime) -> int:
    """Bring everybody inside onto a version; how many. One statement for each step at which somebody waits."""
    old = _versions(session, campaign_id)
    table = table_of(Enrolment)
    now_ = literal(now, type_=table.c.due_at.type)
    total = 0
    for old_id, step_id, count in _waiting(session, campaign_id, but=version_id):
        target = destination(old[old_id][1], new, step_id)
        values: dict[str, Any] = {"version_id": version_id, "step_id": target}
        if step_id is not None and target is None:
            # Who was through has done all there was to do; who was not is told why it ended.
            is_through = step_id == GOAL_STEP
            reason = NO_GOAL if is_through else LEFT_BEHIND
            state = "finished" if is_through else "exited"
            values |= {"state": state, "ended_at": now, "exit_reason": reason, "waits_for": None, "arrived_at": None}
        elif step_id is not None and _fate(old[old_id][1], new, step_id) != "stays":
            # Whoever stayed at the step asks the new one; the others keep their time.
            values["due_at"] = case((table.c.arrived_at.is_not(None), now_), else_=table.c.due_at)
            if target != step_id or _kind(old[old_id][1], step_id) != _kind(new, target or ""):
                values |= {"waits_for": None, "arrived_at": None}
        place = table.c.step_id == step_id if step_id is not None else table.c.step_id.is_(None)
        here = (table.c.campaign_id == campaign_id, table.c.version_id == old_id, table.c.state == "active", place)
        session.execute(update(table).where(*here).values(**values))
        total += count
    return total


def _fate(old: Definition, new: Definition, step_id: str | None) -> Literal["stays", "changes", "vanishes"]:
    if step_id is None:
        return "stays"
    if step_id == GOAL_STEP:
        return "vanishes" if new.goal is None else "stays" if new.goal == old.goal else "changes"
    before = next((node for node in campaigns.walk(old.flow) if node.id == step_id), None)
    after = next((node for node in campaigns.walk(new.flow) if node.id == step_id), None)
    if after is None or before is None:
        return "vanishes" if after is None else "changes"
    is_same = before.kind == after.kind and _said(before.settings) == _said(after.settings)
    return "stays" if is_same else "changes"


def _said(settings: dict[str, Any]) -> dict[str, Any]:
    # A draft does not know the mail's version yet, and may leave out what has a default.
    return {k: v for k, v in settings.items() if k != "template_version_id"}


def _kind(definition: Definition, step_id: str) -> str:
    return next((node.kind for node in campaigns.walk(definition.flow) if node.id == step_id), step_id)


def _versions(session: Session, campaign_id: int) -> dict[int, tuple[int, Definition]]:
    rows = session.execute(
        select(CampaignVersion.id, CampaignVersion.number, CampaignVersion.definition).where(
            CampaignVersion.campaign_id == campaign_id
        )
    )
    return {row.id: (row.number, campaigns.read(row.definition)) for row in rows}


def _waiting(session: Session, campaign_id: int, but: int | None = None) -> list[tuple[int, str | None, int]]:
    """(version, step, how many) of the enrolments on their way, save those on the version `but`."""
    wanted = (
        select(Enrolment.version_id, Enrolment.step_id, func.count())
        .where(Enrolment.campaign_id == campaign_id, Enrolment.state == "active")
        .group_by(Enrolment.version_id, Enrolment.step_id)
    )
    if but is not None:
        wanted = wanted.where(Enrolment.version_id != but)
    return [(version_id, step_id, count) for version_id, step_id, count in session.execute(wanted)]
