"""What became of codes that are out: their mail left, it never will, they expired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import SENT, Enrolment, Message, OfferCode, TemplateVersion
from automation.offers.holding import FIRST_LOOK, LIVE, release
from automation.reliance import Relying

LEFT = (*SENT, "unknown", "submitting")
"""States of a message that a customer has, or may have."""
PENDING = ("draft", "ready", "claimed", "retry", "parked")
"""States of a message that may still leave; one that is parked does when a person lets it go."""
NAME = "offer"
"""The top-level name by which templates show a code."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A mail of a run that shows its offer."""

    message_id: int
    state: str
    created_at: datetime


def follow(session: Session, now: datetime, limit: int) -> int:
    """Look at up to `limit` codes that are due for it; how many. Five statements, however many codes."""
    rows = session.execute(
        select(OfferCode.id, OfferCode.state, OfferCode.enrolment_id, OfferCode.issued_at, OfferCode.expires_at)
        .where(OfferCode.state.in_(LIVE), OfferCode.look_at <= now)
        .order_by(OfferCode.look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    reserved = {row.enrolment_id for row in rows if row.state == "reserved" and row.enrolment_id is not None}
    mails = carriers(session, reserved)
    running = set(session.scalars(select(Enrolment.id).where(Enrolment.id.in_(reserved), Enrolment.state == "active")))
    changed: list[dict[str, Any]] = []
    free: list[int] = []
    for row in rows:
        is_over = row.expires_at is not None and row.expires_at <= now
        fate = "given" if row.state == "given" else _fate(row, mails.get(row.enrolment_id, ()), running)
        if fate == "release":
            free.append(row.id)
            continue
        left = [m for m in mails.get(row.enrolment_id, ()) if m.state in LEFT and m.created_at >= row.issued_at]
        look_at = row.expires_at if fate == "given" else min(now + FIRST_LOOK, row.expires_at or now + FIRST_LOOK)
        changed.append(
            {
                "id": row.id,
                "state": "expired" if is_over else fate,
                "look_at": None if is_over else look_at,
                "message_id": left[0].message_id if left else None,
            }
        )
    _write(session, changed)
    release(session, free)
    return len(rows)


def _fate(row: Any, mails: Sequence[Carrier], running: set[int]) -> str:
    since = [m for m in mails if m.created_at >= row.issued_at]
    if any(m.state in LEFT for m in since):
        return "given"
    if row.enrolment_id in running or any(m.state in PENDING for m in since):
        return "reserved"
    return "release"


def _write(session: Session, changed: Sequence[dict[str, Any]]) -> None:
    known = [row for row in changed if row["message_id"] is not None]
    rest = [{k: v for k, v in row.items() if k != "message_id"} for row in changed if row["message_id"] is None]
    bulk.update(session, OfferCode, known)
    bulk.update(session, OfferCode, rest)


def carriers(session: Session, enrolments: Iterable[int]) -> Mapping[int, Sequence[Carrier]]:
    """The mails of these runs whose templates show an offer, oldest first, by enrolment."""
    rows = session.execute(
        select(Message.id, Message.enrolment_id, Message.state, Message.created_at, TemplateVersion.names)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .where(Message.enrolment_id.in_(set(enrolments)), Message.is_test.is_(False))
        .order_by(Message.id)
    )
    found: dict[int, list[Carrier]] = defaultdict(list)
    for row in rows:
        if NAME in row.names:
            found[row.enrolment_id].append(Carrier(row.id, row.state, row.created_at))
    return found


def invalid_offers(session: Session, mails: Sequence[Relying], now: datetime) -> dict[int, str]:
    """Mails that show a code which is no longer good: {message id: what does not hold any more, as if it did}.

    `mails` are those whose templates show an offer. A run without a code is none of them: its mail goes without one.
    One statement, however many mails.
    """
    enrolments = {m.enrolment_id for m in mails if m.enrolment_id is not None}
    if not enrolments:
        return {}
    newest: dict[int | None, str] = {}
    for row in session.execute(
        select(OfferCode.enrolment_id, OfferCode.state, OfferCode.expires_at)
        .where(OfferCode.enrolment_id.in_(enrolments))
        .order_by(OfferCode.issued_at, OfferCode.id)
    ):
        newest[row.enrolment_id] = _broken(row, now)
    return {m.message_id: words for m in mails if (words := newest.get(m.enrolment_id))}


def _broken(code: Any, now: datetime) -> str:
    if code.state == "redeemed":
        return "its code has not been used"
    if code.state == "void":
        return "its offer was not withdrawn"
    if code.state == "expired" or (code.expires_at is not None and code.expires_at <= now):
        return "its code is still good"
    return ""
