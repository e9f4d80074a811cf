"""What a person may do with personas: make one of a segment or a proposal, describe, portray and remove it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.models import Persona, Segment
from automation.rules import language
from automation.rules.english import sentence
from automation.security import random_id

Colour = Literal["blue", "green", "yellow", "orange", "red", "purple"]
MOST = 50
"""Personas of a store."""


class Described(BaseModel):
    """What a person says of a persona."""

    name: str = Field(min_length=1, max_length=100, description="What you call them: “Anna, who gives presents”.")
    colour: Colour = Field("blue", description="Of their picture.")
    story: str = Field("", max_length=4000, description="Who they are, in a few sentences.")
    goals: str = Field("", max_length=4000, description="What they want to get done.")
    frustrations: str = Field("", max_length=4000, description="What keeps them from it.")


def find(session: Session, store_id: int, public_id: str) -> Persona:
    """A store's persona by the id in its addresses. Raises NotAllowed when there is none."""
    row = session.scalars(select(Persona).where(Persona.public_id == public_id, Persona.store_id == store_id)).first()
    if row is None:
        raise NotAllowed("This persona is gone.")
    return row


def of_segment(
    session: Session, store_id: int, segment_id: int, described: Described, now: datetime, admin_id: int
) -> Persona:
    """Give a segment a face. Raises NotAllowed for a segment that is not the store's or has a persona."""
    segment = session.get(Segment, segment_id)
    if segment is None or segment.store_id != store_id:
        raise NotAllowed("There is no such segment.")
    known = session.scalars(select(Persona).where(Persona.store_id == store_id)).all()
    if any(row.segment_id == segment_id for row in known):
        raise NotAllowed(f"The segment “{segment.name}” has a persona already.")
    if len(known) >= MOST:
        raise NotAllowed(f"There may be {MOST} personas.")
    row = Persona(
        public_id=random_id(),
        store_id=store_id,
        segment_id=segment_id,
        **described.model_dump(),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "persona.made", row.public_id, now, segment=segment_id)
    return row


def of_rule(session: Session, store_id: int, rule: Any, described: Described, now: datetime, admin_id: int) -> Persona:
    """Keep a proposal: a segment of the persona's name by the rule, and the persona.

    Raises RuleBroken for a rule that cannot be read, NotAllowed where a segment has the name.
    """
    read = language.read(rule)
    taken = select(Segment.id).where(Segment.store_id == store_id, Segment.name == described.name)
    if session.scalars(taken).first() is not None:
        raise NotAllowed(f"There is a segment “{described.name}” already: choose another name.")
    segment = Segment(
        store_id=store_id,
        name=described.name,
        description=f"Of a persona: {sentence(read)}.",
        rule=language.dump(read),
        created_at=now,
        updated_at=now,
    )
    session.add(segment)
    session.flush()
    return of_segment(session, store_id, segment.id, described, now, admin_id)


def describe(session: Session, row: Persona, described: Described, now: datetime, admin_id: int) -> None:
    """Say something else of it."""
    for name, value in described.model_dump().items():
        setattr(row, name, value)
    row.updated_at = now
    audit.note(session, admin_id, "persona.described", row.public_id, now)


def portray_again(session: Session, row: Persona, now: datetime, admin_id: int) -> None:
    """Have its portrait worked out next."""
    row.portrayed_at = None
    audit.note(session, admin_id, "persona.portrayed", row.public_id, now)


def remove(session: Session, row: Persona, now: datetime, admin_id: int) -> None:
    """Take the persona away; its segment stays, with all that refers to it."""
    session.delete(row)
    audit.note(session, admin_id, "persona.removed", row.public_id, now)
