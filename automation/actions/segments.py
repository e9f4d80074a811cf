"""What a person may do with saved segments: name a rule, change it, take it away where nothing rests on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit, segments
from automation.actions import journey
from automation.errors import NotAllowed, Unknown
from automation.models import Segment
from automation.rules import language
from automation.rules.language import InSegment


def find(session: Session, store_id: int, segment_id: int) -> Segment:
    """A segment of a store. Raises Unknown where there is none."""
    row = session.get(Segment, segment_id)
    if row is None or row.store_id != store_id:
        raise Unknown("There is no such segment.")
    return row


def save(
    session: Session,
    store_id: int,
    row: Segment | None,
    *,
    name: str,
    description: str,
    rule: Any,
    now: datetime,
    admin_id: int | None = None,
) -> Segment:
    """Store a new segment, or change one; campaigns that use it see it from their next look on.

    Raises RuleBroken for a rule that cannot be read, NotAllowed for a name that is missing or taken, and for a rule
    that would go round in a circle.
    """
    read, name = language.read(rule), name.strip()
    if not name:
        raise NotAllowed("A segment needs a name.")
    taken = session.scalar(select(Segment.id).where(Segment.store_id == store_id, Segment.name == name))
    if taken is not None and (row is None or taken != row.id):
        raise NotAllowed(f"There is a segment “{name}” already: choose another name.")
    if row is not None and _reaches(session, store_id, read, row.id):
        raise NotAllowed("The segment would ask for itself: take it out of the rule.")
    if row is None:
        row = Segment(store_id=store_id, created_at=now)
        session.add(row)
    row.name, row.description, row.rule, row.updated_at = name, description.strip(), language.dump(read), now
    session.flush()
    if any(use.kind == "stage" for use in segments.uses(session, store_id, row.id)):
        journey.look_at_everybody(session, store_id)
    audit.note(session, admin_id, "segment.saved", row.id, now, name=name)
    return row


def remove(session: Session, row: Segment, now: datetime, admin_id: int | None = None) -> None:
    """Take a segment away. Raises NotAllowed while something uses it."""
    used = segments.uses(session, row.store_id, row.id)
    if used:
        names = ", ".join(f"“{use.name}”" for use in used[:3])
        raise NotAllowed(f"“{row.name}” is used by {names}{' and others' if len(used) > 3 else ''}.")
    audit.note(session, admin_id, "segment.removed", row.id, now, name=row.name)
    session.delete(row)


def _reaches(session: Session, store_id: int, rule: language.Rule, segment_id: int) -> bool:
    """Whether a rule asks for a segment, itself or through others."""
    rules = {
        number: language.read(stored)
        for number, stored in session.execute(select(Segment.id, Segment.rule).where(Segment.store_id == store_id))
    }
    seen: set[int] = set()
    ahead = [rule]
    while ahead:
        for leaf in language.leaves(ahead.pop()):
            if isinstance(leaf, InSegment) and leaf.segment not in seen:
                seen.add(leaf.segment)
                ahead += [rules[leaf.segment]] if leaf.segment in rules else []
    return segment_id in seen
