"""Saved segments and rules at work: how many they hold, who for example, whether one customer, and where used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from automation.models import Campaign, CampaignVersion, Customer, JourneyStage, Persona, Segment, ValueSettings
from automation.rules.language import Rule
from automation.rules.scope import scope_of
from automation.rules.sql import predicate

MAX_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Member:
    """A customer for whom a rule holds."""

    id: int
    public_id: str
    email: str | None
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Use:
    """Something that refers to a segment."""

    kind: Literal["campaign", "segment", "persona", "stage", "lead score"]
    id: int
    name: str
    places: tuple[str, ...]
    """Where in it: "audience", "step wait_1", "live: audience" …"""


def members(session: Session, store_id: int, rule: Rule, now: datetime) -> Select[int]:
    """The ids of a store's customers for whom the rule holds at `now`; erased customers are in no segment.

    Raises RuleBroken as `rules.sql.predicate()` does.
    """
    return select(Customer.id).where(
        Customer.store_id == store_id,
        Customer.erased_at.is_(None),
        predicate(rule, now, scope_of(session, store_id)),
    )


def count(session: Session, store_id: int, rule: Rule, now: datetime) -> int:
    """How many customers the rule holds for."""
    return session.scalars(members(session, store_id, rule, now).with_only_columns(func.count())).one()


def sample(session: Session, store_id: int, rule: Rule, now: datetime, n: int = 10) -> list[Member]:
    """At most `n` (and MAX_SAMPLE) of them, the newest first."""
    found = members(session, store_id, rule, now).with_only_columns(
        Customer.id, Customer.public_id, Customer.email, Customer.first_name, Customer.last_name
    )
    rows = session.execute(found.order_by(Customer.id.desc()).limit(max(0, min(n, MAX_SAMPLE))))
    return [Member(*row) for row in rows]


def is_member(session: Session, store_id: int, rule: Rule, customer_id: int, now: datetime) -> bool:
    """Whether the rule holds for one customer of the store; looked up along indexes, whatever the store's size."""
    where = predicate(rule, now, scope_of(session, store_id), each=True)
    who = (Customer.id == customer_id, Customer.store_id == store_id, Customer.erased_at.is_(None))
    return session.execute(select(Customer.id).where(*who, where)).first() is not None


def uses(session: Session, store_id: int, segment_id: int) -> list[Use]:
    """The campaigns, as drafts and live, the segments, personas and stages of the journey that refer to a segment."""
    found = []
    campaigns = session.execute(
        select(Campaign.id, Campaign.name, Campaign.draft, CampaignVersion.definition)
        .outerjoin(CampaignVersion, CampaignVersion.id == Campaign.live_version_id)
        .where(Campaign.store_id == store_id, Campaign.state != "archived")
        .order_by(Campaign.name)
    )
    for row in campaigns:
        live = (f"live: {place}" for place in _places(row.definition or {}, segment_id))
        places = (*_places(row.draft, segment_id), *live)
        if places:
            found.append(Use("campaign", row.id, row.name, places))
    segments = session.execute(
        select(Segment.id, Segment.name, Segment.rule).where(Segment.store_id == store_id).order_by(Segment.name)
    )
    found += [Use("segment", row.id, row.name, ("rule",)) for row in segments if _refers(row.rule, segment_id)]
    faces = session.execute(select(Persona.id, Persona.name).where(Persona.segment_id == segment_id))
    found += [Use("persona", row.id, row.name, ("segment",)) for row in faces]
    found += [Use("stage", row.id, row.name, ("rule",)) for row in _stages(session, store_id, segment_id)]
    scores = session.get(ValueSettings, store_id)
    if scores is not None and _refers(scores.lead_lines, segment_id):
        found.append(Use("lead score", store_id, "Lead score", ("line",)))
    return found


def _stages(session: Session, store_id: int, segment_id: int) -> list[JourneyStage]:
    of_store = select(JourneyStage).where(JourneyStage.store_id == store_id, JourneyStage.archived_at.is_(None))
    return [row for row in session.scalars(of_store.order_by(JourneyStage.position)) if _refers(row.rule, segment_id)]


def _places(definition: dict[str, Any], segment_id: int) -> tuple[str, ...]:
    heads = [key for key in definition if key != "flow" and _refers(definition[key], segment_id)]
    steps = [
        f"step {step.get('id', '?')}"
        for step in _steps(definition.get("flow") or [])
        if _refers(step.get("settings"), segment_id)
    ]
    return (*heads, *steps)


def _steps(flow: list[Any]) -> Iterator[dict[str, Any]]:
    for step in flow:
        yield step
        for branch in (step.get("branches") or {}).values():
            yield from _steps(branch)


def _refers(value: Any, segment_id: int) -> bool:
    """Whether a rule somewhere in a piece of JSON names the segment."""
    if isinstance(value, dict):
        return value.get("segment") == segment_id or any(_refers(part, segment_id) for part in value.values())
    return isinstance(value, list) and any(_refers(part, segment_id) for part in value)
