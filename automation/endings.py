"""What ends a customer's way before its next step: the goal is reached, an exit rule holds, the reason is gone.

All of it is asked for a whole batch: one statement for the goal and the exit rules, one for the trigger's conditions,
and none for what a campaign does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, literal, literal_column, select
from sqlalchemy.orm import Session

from automation import bulk, versions
from automation.models import Customer, Enrolment
from automation.models.record import UTCDateTime
from automation.rules import english
from automation.rules.language import Rule
from automation.rules.scope import Scope
from automation.rules.since import first_since
from automation.rules.sql import predicate
from automation.upsert import table_of
from automation.versions import Version

GOAL_STEP = "-goal"
"""Where an enrolment stands that has gone through all steps while its goal may still be reached; no step's id."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a way ends."""

    state: Literal["exited", "converted"]
    reason: str
    goal_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Traveller:
    """An enrolment that is about to take a step."""

    enrolment_id: int
    customer_id: int
    entered_at: datetime
    is_through: bool
    """It has gone through all steps: only its goal is still of interest."""


def endings(
    session: Session, version: Version, travellers: Sequence[Traveller], scope: Scope | None, now: datetime
) -> dict[int, Ending]:
    """By enrolment, how the ways end that end here. The goal counts more than a rule, a rule more than a condition.

    `scope` is needed by campaigns with a rule among these.
    """
    found = of_rules(session, version, travellers, scope, now)
    ids = [t.enrolment_id for t in travellers if not t.is_through and t.enrolment_id not in found]
    for enrolment_id, reason in versions.standing(session, version, ids, now).items() if ids else ():
        if reason is not None:
            found[enrolment_id] = Ending("exited", f"no longer true: {reason}")
    return found


def needs_scope(version: Version) -> bool:
    """Whether a campaign has rules to be asked before every step."""
    return bool(version.exits) or version.goal_rule is not None


def of_rules(
    session: Session, version: Version, travellers: Sequence[Traveller], scope: Scope | None, now: datetime
) -> dict[int, Ending]:
    """Those that the goal or an exit rule ends: all that does not depend on the trigger."""
    goal = version.definition.goal
    if goal is None and not version.exits:
        return {}
    table = table_of(Enrolment)
    within = goal.within if goal else None
    rows = [
        {
            "id": t.enrolment_id,
            "customer_id": t.customer_id,
            "entered_at": t.entered_at,
            "ended_at": t.entered_at + within if within else now,
        }
        for t in travellers
    ]
    given = bulk.table(session, [table.c.id, table.c.customer_id, table.c.entered_at, table.c.ended_at], rows)

    # By its name: as a column of the table it would bring the table along into every subquery.
    entry: ColumnElement[datetime] = literal_column("given.entered_at", UTCDateTime())

    def holds(rule: Rule) -> ColumnElement[bool]:
        return predicate(rule, now, scope, each=True, entry=entry)

    goal_at: ColumnElement[Any] = literal(None)
    if goal and goal.event:
        columns = {"customer_id": given.c.customer_id, "since": given.c.entered_at, "until": given.c.ended_at}
        goal_at = first_since(goal.event, goal.where, now, given, **columns)
    is_goal = holds(version.goal_rule) if version.goal_rule else literal(None)
    exits = [holds(rule).label(f"exit_{i}") for i, (rule, _) in enumerate(version.exits)]
    statement = select(given.c.id, goal_at.label("goal_at"), is_goal.label("is_goal"), *exits).join(
        Customer, Customer.id == given.c.customer_id
    )
    if not exits and version.goal_rule is None:
        statement = select(given.c.id, goal_at.label("goal_at"), is_goal.label("is_goal"))
    by_id = {t.enrolment_id: t for t in travellers}
    found = {}
    for row in session.execute(statement):
        ending = _ending(version, by_id[row.id], row, scope, now)
        if ending is not None:
            found[row.id] = ending
    return found


def _ending(version: Version, traveller: Traveller, row: Any, scope: Scope | None, now: datetime) -> Ending | None:
    goal = version.definition.goal
    if goal is not None:
        if row.goal_at is not None:
            return Ending("converted", "", row.goal_at)
        if row.is_goal and now <= traveller.entered_at + goal.within:
            return Ending("converted", "", now)
    if traveller.is_through:
        return None
    for (rule, reason), holds in zip(version.exits, row[3:], strict=True):
        if holds:
            return Ending("exited", reason or english.sentence(rule, scope.names if scope else {}))
    return None
