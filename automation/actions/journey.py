"""What a person may do with the journey map: stages, touchpoints, notes on feedback, links to share."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed, Unknown
from automation.models import Cursor, FeedbackNote, JourneyShare, JourneyStage, Touchpoint
from automation.rules import language
from automation.rules.scope import scope_of
from automation.rules.sql import predicate
from automation.security import random_token, token_hash

MOST_STAGES = 12
MOST_TOUCHPOINTS = 100
_EVENT = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")
COUNTED_ALONE = frozenset({"mail", "form", "order"})
"""Kinds of touchpoints that are counted without an event's name."""


def stage(session: Session, store_id: int, stage_id: int) -> JourneyStage:
    """A stage of the store. Raises Unknown."""
    row = session.get(JourneyStage, stage_id)
    if row is None or row.store_id != store_id:
        raise Unknown("There is no such stage.")
    return row


def touchpoint(session: Session, store_id: int, touchpoint_id: int) -> Touchpoint:
    """A touchpoint of the store. Raises Unknown."""
    row = session.get(Touchpoint, touchpoint_id)
    if row is None or row.store_id != store_id:
        raise Unknown("There is no such touchpoint.")
    return row


def read_rule(session: Session, store_id: int, text: str, now: datetime) -> dict[str, Any]:
    """A rule as it is stored. Raises RuleBroken, and NotAllowed where the text is not JSON."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAllowed(f"The rule is not JSON: {error.msg}, line {error.lineno} column {error.colno}.") from error
    rule = language.read(given)
    predicate(rule, now, scope_of(session, store_id), each=True)  # what it refers to is there
    return language.dump(rule)


def store_stage(
    session: Session,
    store_id: int,
    row: JourneyStage | None,
    *,
    name: str,
    rule: str,
    position: int,
    now: datetime,
    admin_id: int,
) -> JourneyStage:
    """Add a stage, or change one; everybody is looked at again. Raises NotAllowed and RuleBroken."""
    read = read_rule(session, store_id, rule, now)
    all_of_it = list(
        session.scalars(
            select(JourneyStage)
            .where(JourneyStage.store_id == store_id, JourneyStage.archived_at.is_(None))
            .order_by(JourneyStage.position, JourneyStage.id)
        )
    )
    if row is None:
        if len(all_of_it) >= MOST_STAGES:
            raise NotAllowed(f"A journey has at most {MOST_STAGES} stages.")
        number = session.scalar(select(func.count()).where(JourneyStage.store_id == store_id)) or 0
        row = JourneyStage(store_id=store_id, code=f"own_{number + 1}", created_at=now)
        session.add(row)
    row.name, row.rule = name, read
    others = [one for one in all_of_it if one is not row]
    others.insert(max(0, position - 1), row)
    for place, one in enumerate(others, start=1):
        one.position = place
    session.flush()
    look_at_everybody(session, store_id)
    audit.note(session, admin_id, "journey.stage_stored", row.id, now)
    return row


def set_stage_aside(session: Session, row: JourneyStage, now: datetime, admin_id: int, *, is_back: bool) -> None:
    """Take a stage off the map, or put it back; what was measured in it stays. Raises NotAllowed for the last one."""
    left = session.scalar(
        select(func.count()).where(JourneyStage.store_id == row.store_id, JourneyStage.archived_at.is_(None))
    )
    if not is_back and row.archived_at is None and left == 1:
        raise NotAllowed("A map has at least one stage.")
    row.archived_at = None if is_back else now
    session.flush()
    look_at_everybody(session, row.store_id)
    audit.note(session, admin_id, "journey.stage_back" if is_back else "journey.stage_removed", row.id, now)


def look_at_everybody(session: Session, store_id: int) -> None:
    """Let the next round begin at once: another rule puts others into a stage."""
    cursor = session.get(Cursor, f"journey:round:{store_id}")
    if cursor is not None:
        session.delete(cursor)


def store_touchpoint(
    session: Session, store_id: int, row: Touchpoint | None, values: dict[str, Any], now: datetime, admin_id: int
) -> Touchpoint:
    """Add a touchpoint, or change one. `values`: its columns. Raises NotAllowed saying what is wrong."""
    stage(session, store_id, values["stage_id"])
    if values["kind"] in COUNTED_ALONE:
        values = {**values, "event": ""}
    elif not _EVENT.match(values["event"]):
        raise NotAllowed("Say what counts it: an event's name in small letters, such as review.left.")
    if row is None:
        number = session.scalar(select(func.count()).where(Touchpoint.store_id == store_id)) or 0
        if number >= MOST_TOUCHPOINTS:
            raise NotAllowed(f"A map has at most {MOST_TOUCHPOINTS} touchpoints.")
        row = Touchpoint(store_id=store_id, position=number + 1, created_at=now)
        session.add(row)
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = now
    session.flush()
    audit.note(session, admin_id, "journey.touchpoint_stored", row.id, now)
    return row


def set_touchpoint_aside(session: Session, row: Touchpoint, now: datetime, admin_id: int, *, is_back: bool) -> None:
    """Take a touchpoint off the map, or put it back."""
    row.archived_at = None if is_back else now
    audit.note(session, admin_id, "journey.touchpoint_back" if is_back else "journey.touchpoint_removed", row.id, now)


def share(session: Session, store_id: int, name: str, now: datetime, admin_id: int) -> str:
    """Make a link; its token, which is not stored and cannot be shown again."""
    token = random_token()
    row = JourneyShare(store_id=store_id, name=name, token_hash=token_hash(token), created_at=now)
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "journey.shared", row.id, now)
    return token


def shared_by(session: Session, token: str) -> int | None:
    """The store whose map a token shows; None for one that is unknown or was revoked."""
    return session.scalar(
        select(JourneyShare.store_id).where(
            JourneyShare.token_hash == token_hash(token), JourneyShare.revoked_at.is_(None)
        )
    )


def revoke(session: Session, store_id: int, share_id: int, now: datetime, admin_id: int) -> None:
    """Let a link lead nowhere from now on. Raises Unknown."""
    row = session.get(JourneyShare, share_id)
    if row is None or row.store_id != store_id:
        raise Unknown("There is no such link.")
    row.revoked_at = row.revoked_at or now
    audit.note(session, admin_id, "journey.share_revoked", row.id, now)


def note_feedback(
    session: Session, store_id: int, said: str, did: str, touchpoint_id: int | None, now: datetime, admin_id: int
) -> FeedbackNote:
    """Keep what customers said and what was done. Raises Unknown for a touchpoint that is not the store's."""
    if touchpoint_id is not None:
        touchpoint(session, store_id, touchpoint_id)
    row = FeedbackNote(store_id=store_id, touchpoint_id=touchpoint_id, said=said, did=did, at=now)
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "feedback.noted", row.id, now)
    return row
