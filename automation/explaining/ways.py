"""How far a customer came in a campaign, each time they entered, and what became of each mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import reasons
from automation.app import App
from automation.explaining.answer import ToldMail, Way
from automation.models import Decision, Enrolment, Message, MessageEvent
from automation.versions import Version, of_ids

_STATES = {
    "draft": "drafted, and not decided yet",
    "ready": "it may go, and leaves as soon as its turn comes",
    "claimed": "a worker has it in hand",
    "submitting": "it is on its way to the provider",
    "accepted": "the provider took it",
    "delivered": "it was delivered",
    "bounced": "it bounced",
    "complained": "it was delivered, and the recipient called it spam",
    "retry": "the provider could not take it yet; it is tried again",
    "rejected": "the provider refused it",
    "unknown": "it left, and no answer came yet",
    "dropped": "it was not sent",
    "parked": "it is put aside until a person has looked at it",
}
_FATES = (
    ("accepted_at", "the provider took it"),
    ("delivered_at", "delivered"),
    ("bounced_at", "bounced"),
    ("complained_at", "called spam"),
    ("opened_at", "opened"),
    ("clicked_at", "a link was clicked"),
    ("unsubscribed_at", "unsubscribed by it"),
)


def ways(app: App, session: Session, enrolments: Sequence[Enrolment], at: datetime, timezone: str) -> tuple[Way, ...]:
    """Every way, the newest first, with its mails: four statements."""
    ids = [enrolment.id for enrolment in enrolments]
    versions = of_ids(app, session, {e.version_id for e in enrolments}) if enrolments else {}
    mails = _mails(session, ids, at, timezone)
    return tuple(_way(app, versions[e.version_id], e, tuple(mails[e.id])) for e in enrolments)


def _way(app: App, version: Version, enrolment: Enrolment, mails: tuple[ToldMail, ...]) -> Way:
    step = ""
    if enrolment.state == "active":
        node = version.nodes.get(enrolment.step_id or version.following[None] or "")
        step = app.steps[node.kind].sentence(version.steps[node.id]) if node else "through all steps"
    return Way(
        key=enrolment.key,
        entered_at=enrolment.entered_at,
        state=enrolment.state,
        step=step,
        due_at=enrolment.due_at if enrolment.state == "active" else None,
        exit_reason=enrolment.exit_reason,
        mails=mails,
    )


def _mails(session: Session, ids: Sequence[int], at: datetime, timezone: str) -> dict[int, list[ToldMail]]:
    found: dict[int, list[ToldMail]] = defaultdict(list)
    messages = session.scalars(
        select(Message).where(Message.enrolment_id.in_(ids), Message.created_at <= at).order_by(Message.id)
    ).all()
    of_mail = [message.id for message in messages]
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in session.scalars(
        select(Decision).where(Decision.message_id.in_(of_mail), Decision.at <= at).order_by(Decision.id)
    ):
        decisions[decision.message_id].append(decision)
    refusals: dict[int, list[MessageEvent]] = defaultdict(list)
    for event in session.scalars(
        select(MessageEvent)
        .where(MessageEvent.message_id.in_(of_mail), MessageEvent.at <= at, MessageEvent.reason != "")
        .order_by(MessageEvent.at)
    ):
        refusals[event.message_id].append(event)
    for message in messages:
        assert message.enrolment_id is not None
        found[message.enrolment_id].append(_mail(message, decisions[message.id], refusals[message.id], at, timezone))
    return found


def _mail(
    message: Message, decisions: Sequence[Decision], refusals: Sequence[MessageEvent], at: datetime, timezone: str
) -> ToldMail:
    fate: list[tuple[datetime, str]] = []
    for name, words in _FATES:
        when: Any = getattr(message, name)
        if when is not None and when <= at:
            fate.append((when, words))
    fate += [(e.at, f"{reasons.reason(e.type)}: {e.reason}") for e in refusals]
    said = _STATES.get(message.state, message.state)
    if message.state in ("dropped", "rejected", "parked", "retry"):
        facts = decisions[-1].facts if message.state == "dropped" and decisions else None
        said += f", because {reasons.reason(message.reason, facts, timezone)}"
    return ToldMail(
        step_id=message.step_id or "",
        drafted_at=message.created_at,
        state=message.state,
        sentence=f"{said[0].upper()}{said[1:]}.",
        decisions=tuple((d.at, reasons.verdict(d.outcome, d.reason, d.facts, d.until, timezone)) for d in decisions),
        fate=tuple(sorted(fate)),
    )
